import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const markerSchema = z.object({
  installation: z.string(),
  company: z.string(),
  run: z.string().nullable().default(null),
  key: z.string(),
  createdAt: z.coerce.date(),
  /** The user that commands are, where each lease has its own. */
  user: z.number().int().optional(),
});
/** Whose a lease's directory is. In it from the moment it has its name. */
export type Marker = z.infer<typeof markerSchema>;

export const markerPath = (directory: string): string => join(directory, "control", "marker");

/** Throws the file system's error when there is none, and zod's when it is not one of ours. */
export const readMarker = async (directory: string): Promise<Marker> =>
  markerSchema.parse(JSON.parse(await readFile(markerPath(directory), "utf8")));
