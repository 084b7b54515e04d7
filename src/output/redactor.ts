import { limits } from "../domain/defaults.ts";
import type { Anchor } from "../domain/execution.ts";
import { formsOf, mask } from "../domain/known-values.ts";

const masked = Buffer.from(mask);

interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Takes secret values out of one stream of output, wherever pieces of it begin and end: each stretch that is covered by values, in
 * any of their forms, becomes `***`. What may be the beginning of one is held back until it is known, so memory is bounded by the
 * longest form (and `limits.redactHeld`, where values overlap each other on and on).
 *
 * Begun again at one of its anchors it gives the same bytes once more: so whoever takes over can go on where it left off.
 */
export class OutputRedactor {
  readonly #needles: readonly Buffer[];
  readonly #anchors: Anchor[];
  #held: Buffer = Buffer.alloc(0);

  constructor(values: readonly string[], begin: Anchor) {
    this.#needles = [...new Set(values.flatMap(formsOf))].map((form) => Buffer.from(form));
    this.#anchors = [begin];
  }

  /** What of the stream can be kept now that `piece` has come. */
  push(piece: Buffer): Buffer {
    this.#held = Buffer.concat([this.#held, piece]);
    const spans = this.#spans();
    return this.#release(spans, this.#sure(spans));
  }

  /** What is left: nothing will come any more. */
  end(): Buffer {
    return this.#release(this.#spans(), this.#held.length);
  }

  /** The last anchor that is not beyond `kept`. Earlier ones are forgotten. */
  anchorAt(kept: number): Anchor {
    while ((this.#anchors[1]?.kept ?? Number.POSITIVE_INFINITY) <= kept) this.#anchors.shift();
    return this.#anchors[0] ?? { kept: 0, written: 0 };
  }

  /** Where values are in what is held; those that overlap are one. */
  #spans(): Span[] {
    const found: Span[] = [];
    for (const needle of this.#needles) {
      for (let at = this.#held.indexOf(needle); at !== -1; at = this.#held.indexOf(needle, at + 1)) found.push({ from: at, to: at + needle.length });
    }
    const spans: { from: number; to: number }[] = [];
    for (const { from, to } of found.toSorted((a, b) => a.from - b.from)) {
      const last = spans.at(-1);
      if (last !== undefined && from < last.to) last.to = Math.max(last.to, to);
      else spans.push({ from, to });
    }
    return spans;
  }

  /** Up to where nothing that is still to come can change what is a value and what is not. */
  #sure(spans: readonly Span[]): number {
    const open = Math.min(this.#held.length, ...this.#needles.map((needle) => this.#beginningOf(needle)));
    const cut = spans.find(({ from, to }) => from <= open && open < to);
    if (cut === undefined) return open;
    return this.#held.length - cut.from > limits.redactHeld ? cut.to : cut.from;
  }

  /** Where what is held ends in something that could become `needle`. */
  #beginningOf(needle: Buffer): number {
    const first = needle.subarray(0, 1);
    for (let at = this.#held.indexOf(first, Math.max(0, this.#held.length - needle.length + 1)); at !== -1; at = this.#held.indexOf(first, at + 1)) {
      if (needle.subarray(0, this.#held.length - at).equals(this.#held.subarray(at))) return at;
    }
    return this.#held.length;
  }

  #release(spans: readonly Span[], upTo: number): Buffer {
    const pieces: Buffer[] = [];
    let at = 0;
    for (const { from, to } of spans) {
      if (to > upTo) break;
      pieces.push(this.#held.subarray(at, from), masked);
      at = to;
    }
    pieces.push(this.#held.subarray(at, upTo));
    const kept = Buffer.concat(pieces);
    this.#held = this.#held.subarray(upTo);
    const last = this.#anchors.at(-1) ?? { kept: 0, written: 0 };
    if (upTo > 0) this.#anchors.push({ kept: last.kept + kept.length, written: last.written + upTo });
    return kept;
  }
}
