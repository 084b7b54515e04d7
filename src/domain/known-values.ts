import { limits } from "./defaults.ts";
import { LeaseholdError } from "./errors.ts";

/**
 * Secret values that are known at the moment. Texts are looked through for them: in clear, in JSON, URL encoding, hex and base64.
 *
 * One list is of the whole process, for its log, which only operators see. What goes into rows is looked through for the lease's own
 * values alone: where a text of one company changed because another one's secret happens to be in it, that would tell of it.
 */
export class KnownValues {
  readonly #values = new Map<string, { holders: number; readonly forms: readonly string[] }>();

  /** Looks for `value` until what is given is disposed of. */
  hold(value: string): Disposable {
    const known = this.#values.get(value) ?? { holders: 0, forms: formsOf(value) };
    known.holders += 1;
    this.#values.set(value, known);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        known.holders -= 1;
        if (known.holders === 0) this.#values.delete(value);
      },
    };
  }

  /** The text with `***` in the place of every value. */
  readonly redact = (text: string): string => {
    let redacted = text;
    for (const { forms } of this.#values.values()) for (const form of forms) if (redacted.includes(form)) redacted = redacted.replaceAll(form, mask);
    return redacted;
  };

  /** All of them. */
  get values(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** The same data as JSON would have it, with every text in it redacted. */
  redactAll<T>(data: T): T {
    if (typeof data === "string") return this.redact(data) as T;
    if (Array.isArray(data)) return data.map((inner: unknown) => this.redactAll(inner)) as T;
    if (typeof data !== "object" || data === null) return data;
    return Object.fromEntries(Object.entries(data).map(([key, inner]) => [this.redact(key), this.redactAll(inner)])) as T;
  }

  /** Takes values out of an error and its causes, which stay what they are. */
  redactError(error: unknown): void {
    for (let e = error; e instanceof Error; e = e.cause) {
      const message = this.redact(e.message);
      // Not by assignment: that of a DOMException, as an AbortSignal throws, is its class's and cannot be set.
      if (message !== e.message) Object.defineProperty(e, "message", { value: message, writable: true, configurable: true, enumerable: false });
      if (e.stack !== undefined) e.stack = this.redact(e.stack);
      if (e instanceof LeaseholdError && e.faults.length > 0) Object.assign(e, { faults: this.redactAll(e.faults) });
    }
  }
}

export const mask = "***";

/**
 * The texts in which a value is recognised, the longest first. A value that is shorter than `limits.redactFrom` has none. In base64
 * a text looks different in each of three positions, and its ends depend on what is beside it: those are left out.
 */
export function formsOf(value: string): string[] {
  const forms = new Set<string>();
  // What `$(...)` and editors leave of it.
  for (const text of [value, value.trimEnd()]) {
    if (Buffer.byteLength(text) < limits.redactFrom) continue;
    const bytes = Buffer.from(text);
    const json = JSON.stringify(text).slice(1, -1);
    const url = encodeURIComponent(text);
    const hex = bytes.toString("hex");
    for (const form of [text, json, url, url.replaceAll("%20", "+"), hex, hex.toUpperCase()]) forms.add(form);
    for (const shift of [0, 1, 2]) {
      const middle = base64At(bytes, shift);
      if (middle.length < limits.redactFrom) continue;
      forms.add(middle);
      forms.add(middle.replaceAll("+", "-").replaceAll("/", "_"));
    }
  }
  return [...forms].toSorted((a, b) => b.length - a.length);
}

/** The characters of base64 that say nothing but the value, when it comes `shift` bytes behind a multiple of three. */
function base64At(bytes: Buffer, shift: number): string {
  const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64").replace(/=+$/, "");
  const whole = (shift + bytes.length) % 3 === 0;
  return encoded.slice(shift === 0 ? 0 : shift + 1, whole ? undefined : -1);
}
