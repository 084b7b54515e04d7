import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ownKeyFile } from "../../src/app/secrets.ts";
import { formatKeys, newMasterKey } from "../../src/secrets/key-file.ts";
import type { MasterKey } from "../../src/secrets/seal.ts";
import { secretParts } from "../support/secrets.ts";
import type { SecretParts } from "../../src/secrets/parts.ts";
import type { Stack } from "../support/stack.ts";
import type { Db } from "../../src/db/client.ts";

/** Writes a file of master keys as an operator does, the first one to seal with. */
export const writeKeys = (path: string, keys: readonly MasterKey[]): Promise<void> => writeFile(path, formatKeys(keys), { mode: 0o600 });

/** Keys in a file of their own below `directory`, and the parts of a process that has them. */
export async function partsWith(db: Db, directory: string, ...keys: readonly MasterKey[]): Promise<SecretParts> {
  const path = join(directory, `keys-${Math.random().toString(36).slice(2)}`);
  await writeKeys(path, keys);
  return secretParts(db, path);
}

/** Gives a stack a master key, which its workers find, and the parts of a process that has it too. */
export async function withMasterKey(stack: Stack): Promise<SecretParts> {
  const path = ownKeyFile(stack.config.dataDir);
  await writeKeys(path, [newMasterKey()]);
  return secretParts(stack.base.database.db, path);
}
