import { errorOf, unreachable } from "./error.ts";
import { Patience, type PatienceTimes } from "./retry.ts";

export interface Abortable {
  readonly signal?: AbortSignal;
}

/** Of a request that makes something. */
export interface Keyed extends Abortable {
  /** The same key gives the same thing, whoever asks and however often. Without one, a key is made for this call. */
  readonly idempotencyKey?: string;
}

export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the request may be sent twice: then what passes is tried again. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Speaks to one API with one token. */
export interface Transport {
  /** Where the API is. */
  readonly url: string;
  readonly patience: PatienceTimes;
  /** The answer of a request that succeeded. Throws `LeaseholdRequestError`; an abort throws the signal's reason. */
  send(call: Call): Promise<Response>;
  json<T>(call: Call): Promise<T>;
}

export function openTransport(options: { url: string; token: string; fetch?: typeof fetch | undefined; patience?: PatienceTimes | undefined }): Transport {
  const base = options.url.replace(/\/+$/, "");
  const request = options.fetch ?? fetch;
  const times = options.patience ?? {};

  const once = async (call: Call): Promise<Response> => {
    const url = new URL(base + call.path);
    for (const [key, value] of Object.entries(call.query ?? {})) if (value !== undefined) url.searchParams.set(key, String(value));
    let response: Response;
    try {
      response = await request(url, {
        method: call.method ?? "GET",
        headers: {
          authorization: `Bearer ${options.token}`,
          ...(call.body === undefined ? {} : { "content-type": "application/json" }),
          ...call.headers,
        },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        // A token does not follow a redirect to wherever.
        redirect: "error",
        signal: call.signal ?? null,
      });
    } catch (error) {
      call.signal?.throwIfAborted();
      throw unreachable(base, error);
    }
    if (!response.ok) throw await errorOf(response);
    return response;
  };

  const repeated = async <T>(call: Call, attempt: () => Promise<T>): Promise<T> => {
    const patience = new Patience(times);
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!call.repeatable) throw error;
        await patience.after(error, call.signal);
      }
    }
  };

  return {
    url: base,
    patience: times,
    send: once,
    json: <T>(call: Call) =>
      repeated(call, async () => {
        const response = await once(call);
        try {
          return (await response.json()) as T;
        } catch (error) {
          call.signal?.throwIfAborted();
          throw unreachable(base, error);
        }
      }),
  };
}

/** The pieces of a body. A connection that breaks is an error like one that could not be made. */
export async function* bodyOf(response: Response, url: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  try {
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) yield piece;
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(url, error);
  }
}

/** Every item of a listing, page by page, as far as the caller goes. */
export async function* pagesOf<T>(page: (cursor: string | undefined) => Promise<{ readonly items: readonly T[]; readonly next: string | null }>): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const { items, next } = await page(cursor);
    yield* items;
    cursor = next ?? undefined;
  } while (cursor !== undefined);
}
