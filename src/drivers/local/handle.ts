import { z } from "zod";
import { invalid } from "../../domain/errors.ts";

const handleSchema = z.strictObject({ v: z.literal(1) });
export type LocalHandle = z.infer<typeof handleSchema>;

/** The directory follows from key and root, so that a data directory may be moved; there is nothing else to keep. */
export const newHandle = (): LocalHandle => ({ v: 1 });

/** Throws `invalid` for a handle that this version did not write. */
export function checkHandle(handle: unknown): void {
  if (!handleSchema.safeParse(handle).success) {
    throw invalid("handle_version_unknown", "the lease's handle was written by another version of the local driver; run that version to release it");
  }
}
