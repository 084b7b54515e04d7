import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { newId } from "../../domain/ids.ts";

const recordSchema = z.object({
  id: z.string(),
  labels: z.record(z.string(), z.string()),
  createdAt: z.coerce.date(),
  expiresAt: z.coerce.date(),
  commands: z.enum(["real", "instant"]),
});
/** What the provider knows of a sandbox. In its directory from the moment that has its name. */
export type SandboxRecord = z.infer<typeof recordSchema>;

const recordIn = (directory: string): string => join(directory, "record.json");

/** Throws the file system's error when there is none, and zod's when it is none of ours. */
export const readRecord = async (directory: string): Promise<SandboxRecord> => recordSchema.parse(JSON.parse(await readFile(recordIn(directory), "utf8")));

export const writeRecord = (directory: string, record: SandboxRecord): Promise<void> => writeFile(recordIn(directory), JSON.stringify(record), { mode: 0o600 });

/** Whoever reads meanwhile sees the old one or the new one. */
export async function replaceRecord(directory: string, record: SandboxRecord): Promise<void> {
  const draft = `${recordIn(directory)}.${newId()}`;
  await writeFile(draft, JSON.stringify(record), { mode: 0o600 });
  await rename(draft, recordIn(directory));
}
