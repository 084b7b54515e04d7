import type { z } from "zod";
import { limits } from "./defaults.ts";
import { type FieldFault, invalid } from "./errors.ts";

/**
 * What `schema` makes of `value`, or an `invalid` error that names every wrong field at once. `root` is what the value is
 * called where it came from.
 */
export function parse<S extends z.ZodType>(schema: S, value: unknown, root: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.slice(0, limits.faults).flatMap((issue) => faultsOf(issue, root)).slice(0, limits.faults);
  throw invalid(`${root}_invalid`.toLowerCase(), faults.map((f) => `${f.field}: ${f.message}`).join("; ").slice(0, 2000), { faults });
}

/** An unknown key is a fault of its own, under its own name. */
function faultsOf(issue: z.core.$ZodIssue, root: string): FieldFault[] {
  const field = [root, ...issue.path.map(String)].join(".");
  if (issue.code !== "unrecognized_keys") return [{ field, message: issue.message }];
  return issue.keys.map((key) => ({ field: `${field}.${key}`, message: "is not known here; remove it or correct its name" }));
}
