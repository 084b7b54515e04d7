import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as breathe } from "node:timers/promises";
import { fromRoman, toRoman } from "../roman.js";

test("knows the numerals people know", () => {
  for (const [number, text] of [[1, "I"], [4, "IV"], [14, "XIV"], [40, "XL"], [90, "XC"], [1666, "MDCLXVI"], [1999, "MCMXCIX"], [3999, "MMMCMXCIX"]]) {
    assert.equal(toRoman(number), text);
    assert.equal(fromRoman(text), number);
  }
});

test("refuses what is none", () => {
  for (const bad of ["", "IIII", "VX", "IC", "MMMM", "i", "X ", "42"]) assert.throws(() => fromRoman(bad), SyntaxError);
  for (const bad of [0, -1, 4000, 1.5, NaN]) assert.throws(() => toRoman(bad), RangeError);
});

// There and back again, for every number of a slice, for a third of a second each: a suite worth interrupting.
for (let from = 1; from < 4000; from += 100) {
  const to = Math.min(from + 99, 3999);
  test(`there and back: ${from} to ${to}`, async () => {
    const end = performance.now() + 300;
    do {
      for (let n = from; n <= to; n += 1) assert.equal(fromRoman(toRoman(n)), n);
      // Lets what was reported so far be printed.
      await breathe();
    } while (performance.now() < end);
  });
}
