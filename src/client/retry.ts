import { setTimeout as sleep } from "node:timers/promises";
import { LeaseholdRequestError, type RequestErrorKind } from "./error.ts";

/** For how long the client waits before the caller hears of it. Milliseconds. */
export interface PatienceTimes {
  /** Tries of a request that fail, and of a stream that has not begun. Default 30 s. */
  readonly request?: number | undefined;
  /** Tries to go on with a stream that broke. Default 30 s. */
  readonly stream?: number | undefined;
  /** A single try without an answer. Default 60 s. */
  readonly answer?: number | undefined;
}

const usual = 30_000;
const firstWait = 200;
const longestWait = 5000;

/** No answer, and answers that say "not now", may be different the next time. */
const passing: readonly RequestErrorKind[] = ["unreachable", "rate_limited", "busy", "failed"];
const passes = (error: unknown): error is LeaseholdRequestError => error instanceof LeaseholdRequestError && passing.includes(error.kind);

/** Waits between tries that fail for reasons that pass, and gives up when there was no success for long. */
export class Patience {
  #limit: number;
  readonly #times: PatienceTimes;
  #since: number | null = null;
  #failures = 0;

  constructor(times: PatienceTimes) {
    this.#times = times;
    this.#limit = times.request ?? usual;
  }

  /** The stream came through: begin to count anew. */
  succeeded(): void {
    this.#limit = this.#times.stream ?? usual;
    this.#since = null;
    this.#failures = 0;
  }

  /** Returns when it is time for the next try. Throws `error` when there should be none. */
  async after(error: unknown, signal?: AbortSignal): Promise<void> {
    if (!passes(error)) throw error;
    signal?.throwIfAborted();
    this.#since ??= performance.now();
    const doubled = Math.min(longestWait, firstWait * 2 ** this.#failures++);
    const wait = Math.max((error.retryAfter ?? 0) * 1000, doubled / 2 + (doubled / 2) * Math.random());
    if (performance.now() - this.#since + wait > this.#limit) throw error;
    await pause(wait, signal);
  }
}

/** Throws the signal's reason when it fires. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
