import { randomBytes } from "node:crypto";
import { readIfThere, writePrivate } from "./private-file.ts";

/** The password kept in `path`; made up the first time. Safe in URLs and in configuration files without quoting. */
export async function keptPassword(path: string): Promise<string> {
  const kept = (await readIfThere(path))?.trim();
  if (kept !== undefined && kept !== "") return kept;
  const password = randomBytes(24).toString("base64url");
  await writePrivate(path, `${password}\n`);
  return password;
}
