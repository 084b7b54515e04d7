import { z } from "zod";
import { invalid } from "../../domain/errors.ts";
import { fakeConfig } from "./config.ts";

const handleSchema = z.strictObject({ v: z.literal(1), sandboxId: z.string(), config: fakeConfig });
/** Which of the key's sandboxes, and the config as it was when the lease was made. */
export type FakeHandle = z.output<typeof handleSchema>;

/** Throws `invalid` for a handle that this version did not write. */
export function readHandle(handle: unknown): FakeHandle {
  const read = handleSchema.safeParse(handle);
  if (read.success) return read.data;
  throw invalid("handle_version_unknown", "the lease's handle was written by another version of the fake driver; run that version to release it");
}
