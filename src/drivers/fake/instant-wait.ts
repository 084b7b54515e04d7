import { EventEmitter } from "node:events";

/** Who ends an execution follows it too, in the same process: followers elsewhere are of older offers, and nobody's any more. */
const ended = new EventEmitter().setMaxListeners(0);

/** Settles at an execution's time, in milliseconds since 1970; when it was ended in this process; or when `signal` fires. */
export function untilOver(id: string, endsAt: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      ended.off(id, end);
      resolve();
    };
    // A timer takes 24 days at most, a little more than twice what a config may ask for.
    const left = endsAt - Date.now();
    if (left <= 0 || signal.aborted) return end();
    timer = setTimeout(end, left);
    signal.addEventListener("abort", end, { once: true });
    ended.once(id, end);
  });
}

/** Has whoever waits for the execution's end in this process look. */
export const tellEnded = (id: string): void => void ended.emit(id);
