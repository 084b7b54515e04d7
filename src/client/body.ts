import { unreachable } from "./error.ts";

/** A stream on which nothing came for too long. `signal` is for the request that the stream is the answer to. */
export class Silence {
  readonly #gone = new AbortController();
  readonly #ms: number;
  readonly #url: string;
  readonly signal: AbortSignal;

  /** `ms` is how long silence is believed; `signal` the caller's own. */
  constructor(url: string, ms: number, signal: AbortSignal | undefined) {
    this.#ms = ms;
    this.#url = url;
    this.signal = signal === undefined ? this.#gone.signal : AbortSignal.any([signal, this.#gone.signal]);
  }

  /**
   * The pieces of a body. A connection that breaks, or on which nothing is heard, is an error like one that could not be made.
   * The time that the reader takes between two pieces does not count.
   */
  async *broken(response: Response): AsyncGenerator<Uint8Array> {
    if (response.body === null) return;
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { done, value } = await this.#next(reader);
        this.signal.throwIfAborted();
        if (done) return;
        yield value;
      }
    } finally {
      // Whoever leaves does not wait for the connection to be gone.
      reader.cancel().catch(() => {});
    }
  }

  async #next(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<{ done: true; value?: Uint8Array | undefined } | { done: false; value: Uint8Array }> {
    const nobody = (): void => {
      this.#gone.abort(unreachable(this.#url, new Error(`nothing was heard for ${this.#ms / 1000} seconds`)));
      reader.cancel().catch(() => {});
    };
    const timer = setTimeout(nobody, this.#ms);
    try {
      return await reader.read();
    } catch (error) {
      this.signal.throwIfAborted();
      throw unreachable(this.#url, error);
    } finally {
      clearTimeout(timer);
    }
  }
}
