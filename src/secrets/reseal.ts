import { replaceSealed, takeOldValues, valuesAreOld } from "../db/secret-keys.ts";
import type { Db } from "../db/client.ts";
import type { Logger } from "pino";
import { isKind, reasonOf } from "../domain/errors.ts";
import type { KeyRing } from "./key-ring.ts";
import { open, seal, versionBinding } from "./seal.ts";
import { sealingKey } from "./sealing-key.ts";

/** What one look for values under older keys has done. */
export interface Resealed {
  readonly sealed: number;
  /** Values that do not open with the key they name. They stay as they are. */
  readonly unreadable: number;
}

/**
 * Seals all values anew that are sealed under older keys than the newest, a batch at a time, each batch wholly or not at all. Many may
 * do so at once; dying in here loses nothing. Values whose key this process has not got are left to one that has it.
 */
export async function resealValues({ db, ring, log }: { readonly db: Db; readonly ring: KeyRing; readonly log: Logger }): Promise<Resealed> {
  const total = { sealed: 0, unreadable: 0 };
  // A key that has just been put into the file is taken into use here, if nobody has sealed anything with it yet.
  const newest = await sealingKey(db, ring);
  const unreadable = new Set<string>();
  while (await valuesAreOld(db)) {
    const opens = (await ring.keys()).map(({ id }) => id);
    const done = await db.transaction(async (tx) => {
      const batch = (await takeOldValues(tx, opens, [...unreadable]));
      for (const value of batch) {
        const binding = versionBinding(value.companyId, value.secretId, value.version);
        try {
          const text = open(await ring.find(value.keyId), value.sealed, binding);
          await replaceSealed(tx, value, seal(newest, text, binding), newest.id);
          total.sealed += 1;
        } catch (error) {
          if (!isKind(error, "refused")) throw error;
          log.error({ secret: value.secretId, version: value.version, key: value.keyId }, `could not seal a value anew: ${reasonOf(error)}`);
          unreadable.add(`${value.secretId} ${value.version}`);
        }
      }
      return batch.length;
    });
    if (done === 0) break;
  }
  return { ...total, unreadable: unreadable.size };
}
