import type { Db } from "../db/client.ts";
import { admitKey, type KnownKey, knownKeys } from "../db/secret-keys.ts";
import { isKind, refused } from "../domain/errors.ts";
import type { KeyRing } from "./key-ring.ts";
import { canaryBinding, type MasterKey, open, seal } from "./seal.ts";

const canary = "leasehold";

/**
 * The key to seal with: the newest that the database knows. The first of this process's file is taken into use when it is not known
 * yet. A key is believed only when it opens its canary, and a new one only beside one that does: who comes with nothing but a
 * wrong key has sealed nothing with it.
 *
 * Throws `refused` `master_key_wrong`, and `transient` `master_key_missing` when this process has not got the newest one.
 */
export async function sealingKey(db: Db, ring: KeyRing): Promise<MasterKey> {
  const [mine, known] = await Promise.all([ring.keys(), knownKeys(db)]);
  const first = mine[0];
  if (first === undefined) throw new Error("a file of master keys has at least one");
  mustOpen(mine, known);
  if (known.some(({ id }) => id === first.id)) return ring.find(known[0]?.id ?? first.id);
  if (known.length > 0 && !known.some(({ id }) => mine.some((key) => key.id === id))) {
    throw refused("master_key_wrong", `this database's secrets are sealed under master key ${known[0]?.id}, which is not in this process's file; ${first.id} is not taken into use without it`);
  }
  await admitKey(db, first.id, seal(first, canary, canaryBinding));
  // Of two processes with different keys of one name the other may have been first.
  mustOpen(mine, await knownKeys(db));
  return first;
}

/** Throws `refused` `master_key_wrong` when a key of ours is not the one that the database knows by its id. */
function mustOpen(mine: readonly MasterKey[], known: readonly KnownKey[]): void {
  for (const key of mine) {
    const there = known.find(({ id }) => id === key.id);
    if (there === undefined) continue;
    try {
      if (open(key, there.canary, canaryBinding) === canary) continue;
    } catch (error) {
      if (!isKind(error, "refused")) throw error;
    }
    throw refused("master_key_wrong", `master key ${key.id} of this process is another one than the ${key.id} that this database's secrets are sealed under; put the right one into its file`);
  }
}

/** What is wrong with this process's keys; null when nothing is, or nobody keeps secrets here. Changes nothing. */
export async function keyFault(db: Db, ring: KeyRing): Promise<unknown> {
  const known = await knownKeys(db);
  try {
    const mine = await ring.keys();
    mustOpen(mine, known);
    if (known.length > 0 && !known.some(({ id }) => mine.some((key) => key.id === id))) {
      return refused("master_key_wrong", `this database's secrets are sealed under master key ${known[0]?.id}, which is not in this process's file`);
    }
    return null;
  } catch (error) {
    return known.length === 0 && isKind(error, "refused") && error.code === "master_key_unconfigured" ? null : error;
  }
}
