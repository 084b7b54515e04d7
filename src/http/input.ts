import type { Context } from "hono";
import { z } from "zod";
import { limits } from "../domain/defaults.ts";
import { invalid } from "../domain/errors.ts";
import { isId } from "../domain/ids.ts";
import { parse } from "../domain/parse.ts";

/** The body as JSON. Throws `invalid` `body_malformed` (400). */
export async function readJson(c: Context): Promise<unknown> {
  const text = await c.req.text();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid("body_malformed", text === "" ? "the body is empty; send a JSON object" : `the body is not JSON: ${(cause as Error).message}`, { status: 400, cause });
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

const cursor = z
  .string()
  .max(1000)
  .transform((text) => Buffer.from(text, "base64url").toString());

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
