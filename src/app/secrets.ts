import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Db } from "../db/client.ts";
import type { KnownValues } from "../domain/known-values.ts";
import { reasonOf, refused } from "../domain/errors.ts";
import type { Logger } from "../log.ts";
import { atStart } from "./at-start.ts";
import { keyRing } from "../secrets/key-ring.ts";
import type { SecretParts } from "../secrets/parts.ts";
import { keyFault } from "../secrets/sealing-key.ts";
import { openStores } from "../secrets/stores/open.ts";
import { readStoresFile } from "../secrets/stores/settings.ts";

/** Where `up` keeps the master keys of a fleet on one machine. */
export const ownKeyFile = (dataDir: string): string => join(dataDir, "master-keys");

/** The file of master keys of this process: the one that is configured, else the one in the data directory, if there is one. */
export async function keyFileOf({ masterKeyFile, dataDir }: Pick<Config, "masterKeyFile" | "dataDir">): Promise<string | undefined> {
  if (masterKeyFile !== undefined) return masterKeyFile;
  const own = ownKeyFile(dataDir);
  return access(own).then(
    () => own,
    () => undefined,
  );
}

/**
 * What this process needs to keep and read secrets. Throws `refused` when it has a master key that is not the one that the
 * database's secrets are sealed under, so that it is found out before it seals anything, and `invalid` for a bad file of stores.
 */
export async function openSecrets(config: Config, { db, known, log }: { readonly db: Db; readonly known: KnownValues; readonly log: Logger }): Promise<SecretParts> {
  const stores = config.secretStores === undefined ? {} : await readStoresFile(config.secretStores);
  const ring = keyRing(await keyFileOf(config), (err) => log.error({ err }, "the file of master keys cannot be read any more; going on with what was in it"));
  const fault = await atStart(() => keyFault(db, ring));
  if (fault !== null) {
    const why = reasonOf(fault);
    if (fault instanceof Error && "code" in fault && fault.code === "master_key_unconfigured") log.warn(`this fleet keeps secrets, and ${why}`);
    else throw refused("master_key_unusable", `the master keys of this process cannot be used: ${why}`, { cause: fault });
  }
  return { db, ring, stores: openStores(stores, config.variable), known };
}
