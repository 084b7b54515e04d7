import { setTimeout as sleep } from "node:timers/promises";
import { LeaseholdRequestError } from "./error.ts";

/** Milliseconds for which a request or a broken stream is tried again before the caller hears of it. */
const patience = 30_000;
const firstWait = 200;
const longestWait = 5000;

/** No answer, and answers that say "not now", may be different the next time. */
const passes = (error: unknown): error is LeaseholdRequestError =>
  error instanceof LeaseholdRequestError && (error.status === 0 || [429, 502, 503, 504].includes(error.status));

/** Waits between tries that fail for reasons that pass, and gives up when there was no success for long. */
export class Patience {
  #since: number | null = null;
  #failures = 0;

  /** Something came through: begin to count anew. */
  succeeded(): void {
    this.#since = null;
    this.#failures = 0;
  }

  /** Returns when it is time for the next try. Throws `error` when there should be none. */
  async after(error: unknown, signal?: AbortSignal): Promise<void> {
    if (!passes(error) || signal?.aborted === true) throw error;
    this.#since ??= performance.now();
    const doubled = Math.min(longestWait, firstWait * 2 ** this.#failures++);
    const wait = Math.max((error.retryAfter ?? 0) * 1000, doubled / 2 + (doubled / 2) * Math.random());
    if (performance.now() - this.#since + wait > patience) throw error;
    await sleep(wait, undefined, signal === undefined ? {} : { signal });
  }
}
