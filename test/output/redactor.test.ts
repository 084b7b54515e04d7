import fc from "fast-check";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { formsOf } from "../../src/domain/known-values.ts";
import { plainCopy, redactedCopy } from "../../src/output/copy.ts";
import { OutputRedactor } from "../../src/output/redactor.ts";

const begin = { kept: 0, written: 0 };
const whole = (text: string | Buffer, values: readonly string[]): Buffer => {
  const redactor = new OutputRedactor(values, begin);
  return Buffer.concat([redactor.push(Buffer.from(text)), redactor.end()]);
};

describe("redacted output", () => {
  const value = "hunter2/ü \"quoted\"";
  it.each([
    ["in clear", `a ${value} b`],
    ["in JSON", `a ${JSON.stringify({ value }).slice(10, -2)} b`],
    ["in a URL", `a ${encodeURIComponent(value)} b`],
    ["in a form", `a ${encodeURIComponent(value).replaceAll("%20", "+")} b`],
    ["in hex", `a ${Buffer.from(value).toString("hex")} b`],
  ])("has no value %s", (_what, text) => {
    expect(whole(text, [value]).toString()).toBe("a *** b");
  });

  it.each([0, 1, 2, 3, 4, 5])("has no value in base64, %i bytes behind something", (before) => {
    const text = Buffer.from(`${"u".repeat(before)}${value}:more`).toString("base64");
    const redacted = whole(text, [value]).toString();
    expect(redacted).toContain("***");
    expect(Buffer.from(redacted.replaceAll("*", ""), "base64").toString("latin1")).not.toContain("unter2");
  });

  it("leaves everything else as it is, byte for byte", () => {
    const bytes = Buffer.from(Array.from({ length: 2000 }, (_, i) => i % 256));
    expect(whole(bytes, [value]).equals(bytes)).toBe(true);
    expect(whole("ab", ["ab"]).toString()).toBe("ab");
  });

  it("covers values that overlap as one, and one that is in another with it", () => {
    expect(whole("xhellowlyx", ["hello", "lowly"]).toString()).toBe("x***x");
    expect(whole("abcdef abc", ["abcd", "abcdef"]).toString()).toBe("*** abc");
    expect(whole("aaaaaaaaaa", ["aaaa"]).toString()).toBe("***");
  });

  it("holds back no more than what may become a value", () => {
    const redactor = new OutputRedactor(["secret-value"], begin);
    expect(redactor.push(Buffer.from("$ ")).toString()).toBe("$ ");
    expect(redactor.push(Buffer.from("a sec")).toString()).toBe("a ");
    expect(redactor.push(Buffer.from("ond")).toString()).toBe("second");
    expect(redactor.push(Buffer.from("secret-valu")).toString()).toBe("");
    expect(redactor.push(Buffer.from("e")).toString()).toBe("***");
  });

  it("stays within bounds where values overlap without end", () => {
    const redactor = new OutputRedactor(["aaaa"], begin);
    let kept = 0;
    for (let i = 0; i < 40; i++) kept += redactor.push(Buffer.alloc(64 * 1024, "a")).length;
    kept += redactor.end().length;
    expect(kept).toBeLessThan(100);
  });

  const alphabet = fc.constantFrom("a", "b", "aab", "ba", "xyzw", "-");
  const text = fc.array(alphabet, { maxLength: 60 }).map((parts) => parts.join(""));
  const values = fc.array(fc.array(fc.constantFrom("a", "b", "z"), { minLength: 4, maxLength: 7 }).map((c) => c.join("")), { minLength: 1, maxLength: 3 });

  it("is the same however the stream comes in pieces", () => {
    fc.assert(
      fc.property(text, values, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (written, secrets, sizes) => {
        const redactor = new OutputRedactor(secrets, begin);
        const kept: Buffer[] = [];
        for (let at = 0, i = 0; at < written.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          kept.push(redactor.push(Buffer.from(written.slice(at, at + size))));
          at += size;
        }
        kept.push(redactor.end());
        const all = Buffer.concat(kept).toString();
        expect(all).toBe(whole(written, secrets).toString());
        for (const secret of secrets) for (const form of formsOf(secret)) expect(all).not.toContain(form);
      }),
      { numRuns: 2000 },
    );
  });

  it("I7: goes on exactly where it left off, whoever takes over and wherever", async () => {
    await fc.assert(
      fc.asyncProperty(text, values, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 80 }), async (written, secrets, size, cut) => {
        const expected = whole(written, secrets).toString();
        const pieces = (from: number): Readable => Readable.from(Array.from({ length: Math.ceil((written.length - from) / size) }, (_, i) => Buffer.from(written.slice(from + i * size, from + (i + 1) * size))));
        // The first worker makes so many bytes durable, with the anchor of then, and dies.
        const first = redactedCopy(0, begin, secrets);
        const came = await buffer(first.through(pieces(0)));
        const durable = came.subarray(0, cut);
        const anchor = first.anchorAt(durable.length) ?? begin;
        const second = redactedCopy(durable.length, anchor, secrets);
        const rest = Buffer.concat([await buffer(second.through(pieces(second.read))), second.end()]);
        expect(Buffer.concat([durable, rest]).toString()).toBe(expected);
        expect(second.read).toBe(written.length);
      }),
      { numRuns: 1000 },
    );
  });
});

it("output that is not redacted is counted by what is durable alone", async () => {
  const copy = plainCopy(5);
  expect(copy.read).toBe(5);
  copy.kept = 9;
  expect(copy.read).toBe(9);
  expect(copy.anchorAt(9)).toBeNull();
  expect(copy.end().length).toBe(0);
  expect((await buffer(copy.through(Readable.from([Buffer.from("as it is")])))).toString()).toBe("as it is");
});
