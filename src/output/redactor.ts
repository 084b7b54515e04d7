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
  /** Where values are in what is held; those that overlap are one. */
  #spans: Span[] = [];

  constructor(values: readonly string[], begin: Anchor) {
    this.#needles = [...new Set(values.flatMap(formsOf))].map((form) => Buffer.from(form));
    this.#anchors = [begin];
  }

  /** What of the stream can be kept now that `piece` has come. */
  push(piece: Buffer): Buffer {
    const seen = this.#held.length;
    this.#held = Buffer.concat([this.#held, piece]);
    this.#look(seen);
    return this.#release(this.#sure());
  }

  /** What is left: nothing will come any more. */
  end(): Buffer {
    return this.#release(this.#held.length);
  }

  /** The last anchor that is not beyond `kept`. Earlier ones are forgotten. */
  anchorAt(kept: number): Anchor {
    while ((this.#anchors[1]?.kept ?? Number.POSITIVE_INFINITY) <= kept) this.#anchors.shift();
    return this.#anchors[0] ?? { kept: 0, written: 0 };
  }

  /** Finds the values that end behind the first `seen` bytes. */
  #look(seen: number): void {
    const found = [...this.#spans];
    for (const needle of this.#needles) {
      const begin = Math.max(0, seen - needle.length + 1);
      for (let at = this.#held.indexOf(needle, begin); at !== -1; at = this.#held.indexOf(needle, at + 1)) found.push({ from: at, to: at + needle.length });
    }
    this.#spans = [];
    for (const { from, to } of found.toSorted((a, b) => a.from - b.from)) {
      const last = this.#spans.at(-1);
      if (last !== undefined && from < last.to) this.#spans[this.#spans.length - 1] = { from: last.from, to: Math.max(last.to, to) };
      else this.#spans.push({ from, to });
    }
  }

  /** Up to where nothing that is still to come can change what is a value and what is not. */
  #sure(): number {
    const open = Math.min(this.#held.length, ...this.#needles.map((needle) => this.#beginningOf(needle)));
    const cut = this.#spans.find(({ from, to }) => from <= open && open < to);
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

  #release(upTo: number): Buffer {
    const pieces: Buffer[] = [];
    let at = 0;
    for (const { from, to } of this.#spans) {
      if (to > upTo) break;
      pieces.push(this.#held.subarray(at, from), masked);
      at = to;
    }
    pieces.push(this.#held.subarray(at, upTo));
    const kept = Buffer.concat(pieces);
    this.#held = this.#held.subarray(upTo);
    this.#spans = this.#spans.filter(({ from }) => from >= upTo).map(({ from, to }) => ({ from: from - upTo, to: to - upTo }));
    const last = this.#anchors.at(-1) ?? { kept: 0, written: 0 };
    if (upTo > 0) this.#anchors.push({ kept: last.kept + kept.length, written: last.written + upTo });
    return kept;
  }
}
