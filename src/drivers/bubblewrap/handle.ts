import { z } from "zod";
import { invalid } from "../../domain/errors.ts";
import { bubblewrapConfig } from "./config.ts";

const handleSchema = z.strictObject({ v: z.literal(1), config: bubblewrapConfig });
/** The config as it was when the lease was made: an environment that changes does not change its leases. */
export type BubblewrapHandle = z.output<typeof handleSchema>;

/** Throws `invalid` for a handle that this version did not write. */
export function readHandle(handle: unknown): BubblewrapHandle {
  const read = handleSchema.safeParse(handle);
  if (read.success) return read.data;
  throw invalid("handle_version_unknown", "the lease's handle was written by another version of the bubblewrap driver; run that version to release it");
}
