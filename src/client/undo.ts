import type { Abortable, Made } from "./transport.ts";

/** How long an answer that is under way is waited for after an abort, and how long taking back may take. Milliseconds. */
const grace = 5000;

/**
 * Makes something and works with it. When that fails, or is called off on the way, what was made is taken back before this throws, if
 * it is surely nobody else's: who calls off a request does not know what has become of it, so its answer is waited for a little longer.
 */
export async function orUndo<T, R>(
  signal: AbortSignal | undefined,
  make: (options: Abortable) => Promise<Made<T>>,
  work: (made: T) => Promise<R>,
  undo: (made: T, options: Abortable) => Promise<unknown>,
): Promise<R> {
  signal?.throwIfAborted();
  using patient = after(signal, grace);
  const { value, own } = await make({ signal: patient.signal });
  try {
    signal?.throwIfAborted();
    return await work(value);
  } catch (error) {
    if (own) await undo(value, { signal: AbortSignal.timeout(grace) }).catch(() => {});
    throw error;
  }
}

/** A signal that fires a while after another, for the same reason. */
function after(signal: AbortSignal | undefined, ms: number): Disposable & { readonly signal: AbortSignal | undefined } {
  const later = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    timer = setTimeout(() => later.abort(signal?.reason), ms);
  };
  signal?.addEventListener("abort", begin, { once: true });
  return {
    signal: signal === undefined ? undefined : later.signal,
    [Symbol.dispose]: () => {
      signal?.removeEventListener("abort", begin);
      clearTimeout(timer);
    },
  };
}
