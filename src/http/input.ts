import type { Context } from "hono";
import { z } from "zod";
import { limits } from "../domain/defaults.ts";
import { invalid } from "../domain/errors.ts";
import { isId } from "../domain/ids.ts";
import { parse } from "../domain/parse.ts";

/** The body as JSON. Throws `invalid`: `body_encoded` (415), `body_malformed` (400), `body_too_complex` (422). */
export async function readJson(c: Context): Promise<unknown> {
  const encoding = c.req.header("content-encoding");
  if (encoding !== undefined && encoding !== "identity") throw invalid("body_encoded", `the body is encoded (${encoding.slice(0, 50)}); send it as it is`, { status: 415 });
  const text = utf8(await c.req.arrayBuffer());
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid("body_malformed", text === "" ? "the body is empty; send a JSON object" : `the body is not JSON: ${(cause as Error).message}`, { status: 400, cause });
  }
  mustBeSimple(value);
  return value;
}

/** What is not UTF-8 would be read as something else than was sent. */
function utf8(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw invalid("body_malformed", "the body is not UTF-8; send JSON in UTF-8", { status: 400, cause });
  }
}

/** What is checked value by value must not be so deep or so many that checking it keeps others waiting. */
function mustBeSimple(value: unknown): void {
  let left = limits.bodyValues;
  const ahead = [{ value, depth: 0 }];
  for (let one = ahead.pop(); one !== undefined; one = ahead.pop()) {
    if (typeof one.value !== "object" || one.value === null) continue;
    const inner = Object.values(one.value);
    left -= inner.length;
    if (left < 0) throw invalid("body_too_complex", `the body has more than ${limits.bodyValues} values; put data into the workspace or on stdin`);
    if (one.depth === limits.bodyDepth && inner.length > 0) throw invalid("body_too_complex", `the body is nested more than ${limits.bodyDepth} levels deep`);
    for (const deeper of inner) ahead.push({ value: deeper, depth: one.depth + 1 });
  }
}

/** For routes that need nothing to be said: no body, or an empty object. */
export async function readNothing(c: Context): Promise<void> {
  if ((await c.req.text()) === "") return;
  parse(z.strictObject({}), await readJson(c), "body");
}

/** The query by a schema; unknown and repeated keys are refused by name. */
export function readQuery<S extends z.ZodRawShape>(c: Context, shape: S): z.output<z.ZodObject<S>> {
  const all = c.req.queries();
  const repeated = Object.keys(all).filter((key) => (all[key]?.length ?? 0) > 1);
  if (repeated.length > 0) {
    throw invalid("query_invalid", `${repeated.join(", ")}: given more than once; give it once`, {
      faults: repeated.map((key) => ({ field: `query.${key}`, message: "is given more than once; give it once" })),
    });
  }
  return parse(z.strictObject(shape), c.req.query(), "query");
}

/** `true` or `false` in a query. */
export const flag = z.enum(["true", "false"], "must be true or false").transform((text) => text === "true");

/** A whole number in a query. */
export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));

/** An id in a query. */
export const idInQuery = (noun: string) => z.string().refine(isId, `must be the id of ${noun}, a UUID`);

/** A moment in a query, like `2026-01-31T12:00:00Z`. */
export const momentInQuery = z.iso.datetime({ offset: true, message: "must be a moment like 2026-01-31T12:00:00Z" }).transform((text) => new Date(text));

/** What a cursor hides. */
const positionIn = (text: string): string => Buffer.from(text, "base64url").toString();
/** Postgres has no other. The empty one lies before everything: an empty cursor begins at the beginning. */
const isText = (text: string): boolean => !text.includes("\0") && !text.includes("\ufffd");

const cursor = z
  .string()
  .max(1000)
  .refine((text) => Buffer.from(text, "base64url").toString("base64url") === text && isText(positionIn(text)), "is not a cursor that a page gave; begin without one")
  .transform(positionIn);

/** Keys of every listing's query. */
export const pageQuery = { limit: wholeNumber(1, limits.pageMax).default(limits.page), cursor: cursor.optional() };
/** The same, where the cursor hides an id. */
export const idPageQuery = { ...pageQuery, cursor: cursor.refine(isId, "is not a cursor that a page gave; begin without one").optional() };

/**
 * A page from rows that were read with one more than `limit`, so that the last page knows that it is.
 * `position` is what the cursor hides: what the next page begins after.
 */
export function pageOf<R, T>(rows: readonly R[], limit: number, position: (row: R) => string, present: (row: R) => T): { items: T[]; next: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown.map(present), next: rows.length > limit && last !== undefined ? Buffer.from(position(last)).toString("base64url") : null };
}
