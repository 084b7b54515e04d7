import { InvalidArgumentError } from "commander";
import parseDuration from "parse-duration";
import { limits } from "../domain/defaults.ts";

/** Parsers of option values. Each says what it wanted. */

/** `90s`, `10m`, `1h30m`, `2d` in milliseconds. */
export function duration(text: string): number {
  // A bare number could be anything: seconds, minutes, milliseconds.
  const ms = /^\s*\d+(\.\d+)?\s*$/.test(text) ? null : parseDuration(text);
  if (ms === null || ms === undefined || !(ms > 0)) throw new InvalidArgumentError("Give a duration with its unit, like 90s, 10m or 1h30m.");
  return Math.round(ms);
}

export const wholeNumber =
  (min: number) =>
  (text: string): number => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(n) || n < min) throw new InvalidArgumentError(`Give a whole number from ${min} on.`);
    return n;
  };

/** A number from 1 on, or `none`. */
export const numberOrNone = (text: string): number | null => (text === "none" ? null : wholeNumber(1)(text));

export function priority(text: string): number {
  const n = Number(text);
  if (!/^[+-]?\d+$/.test(text) || n < limits.priorityMin || n > limits.priorityMax) throw new InvalidArgumentError(`Give a whole number from ${limits.priorityMin} to ${limits.priorityMax}.`);
  return n;
}

/** `K=V`, as often as wanted. */
export function variable(text: string, before: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Give NAME=VALUE.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** A moment, like `2026-01-31` or `2026-01-31T12:00:00Z`, or how long ago, like `2h`. */
export function moment(text: string): Date {
  const ago = parseDuration(text);
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? new Date(text) : new Date(Date.now() - (/^\s*\d+(\.\d+)?\s*$/.test(text) || ago == null ? Number.NaN : ago));
  if (Number.isNaN(at.getTime())) throw new InvalidArgumentError("Give a moment like 2026-01-31T12:00:00Z, or how long ago, like 2h.");
  return at;
}

/** `a,b`, at least one. */
export function names(text: string): string[] {
  const all = text.split(",").map((name) => name.trim());
  if (all.includes("")) throw new InvalidArgumentError("Give names separated by commas.");
  return all;
}
