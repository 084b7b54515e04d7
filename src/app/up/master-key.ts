import type { Config } from "../../config.ts";
import type { Db } from "../../db/client.ts";
import { knownKeys } from "../../db/secret-keys.ts";
import { writePrivate } from "../../embedded/private-file.ts";
import { formatKeys, newMasterKey } from "../../secrets/key-file.ts";
import { keyFileOf, ownKeyFile } from "../secrets.ts";

/**
 * The file of master keys of a fleet that has its own database: made (mode 0600) if there is none. Where the database has secrets
 * already, another key would not open them: then none is made, and what to do about it is given instead.
 */
export async function ensureMasterKey(config: Config, db: Db): Promise<string | null> {
  if (config.databaseUrl !== undefined || (await keyFileOf(config)) !== undefined) return null;
  const [newest] = await knownKeys(db);
  const path = ownKeyFile(config.dataDir);
  if (newest !== undefined) return `the file of master keys ${path} is gone: secrets sealed under ${newest.id} cannot be read until it is put back`;
  await writePrivate(path, formatKeys([newMasterKey()]));
  return null;
}
