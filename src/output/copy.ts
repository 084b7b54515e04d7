import { Readable } from "node:stream";
import type { Anchor } from "../domain/execution.ts";
import { OutputRedactor } from "./redactor.ts";

/** The durable copy of one stream, as far as it has got. */
export interface StreamCopy {
  /** Bytes that are durable. */
  kept: number;
  /** Bytes of what was written that were read at the place: reading goes on there. */
  readonly read: number;
  /** What is to be kept of what comes from the place. */
  through(source: Readable): Readable;
  /** What is left to be kept when nothing will come any more. */
  end(): Buffer;
  /** For whoever takes over once `kept` is durable; null where both offsets are the same. */
  anchorAt(kept: number): Anchor | null;
}

/** Keeps what was written, byte for byte: what is durable is what was read. */
export const plainCopy = (kept: number): StreamCopy => ({
  kept,
  get read() {
    return this.kept;
  },
  through: (source) => source,
  end: () => Buffer.alloc(0),
  anchorAt: () => null,
});

/** Keeps what was written without the given values. `anchor` is the last that is known; what is durable beyond it is made once more and left out. */
export function redactedCopy(kept: number, anchor: Anchor, values: readonly string[]): StreamCopy {
  const redactor = new OutputRedactor(values, anchor);
  let known = kept - anchor.kept;
  const fresh = (piece: Buffer): Buffer => {
    const skipped = Math.min(known, piece.length);
    known -= skipped;
    return piece.subarray(skipped);
  };
  let read = anchor.written;
  async function* redacted(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of source) {
      read += piece.length;
      const taken = fresh(redactor.push(piece));
      if (taken.length > 0) yield taken;
    }
  }
  return {
    kept,
    get read() {
      return read;
    },
    // Destroying it destroys the source.
    through: (source) => Readable.from(redacted(source), { objectMode: false }),
    end: () => fresh(redactor.end()),
    anchorAt: (durable) => redactor.anchorAt(durable),
  };
}
