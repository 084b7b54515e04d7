import type { z } from "zod";
import { type FieldFault, invalid } from "./errors.ts";

/**
 * What `schema` makes of `value`, or an `invalid` error that names every wrong field at once. `root` is what the value is
 * called where it came from.
 */
export function parse<S extends z.ZodType>(schema: S, value: unknown, root: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults: FieldFault[] = result.error.issues.map((issue) => ({ field: [root, ...issue.path.map(String)].join("."), message: issue.message }));
  throw invalid(`${root}_invalid`.toLowerCase(), faults.map((f) => `${f.field}: ${f.message}`).join("; ").slice(0, 2000), { faults });
}
