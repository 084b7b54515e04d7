import { sql } from "drizzle-orm";
import { limits } from "../domain/defaults.ts";
import type { Db } from "./client.ts";
import { inMs, rowsOf } from "./rows.ts";
import { secretKeys } from "./schema.ts";

/** Master keys by their ids. The keys themselves are in files. */
export interface KnownKey {
  readonly id: string;
  readonly number: number;
  readonly canary: Buffer;
}

/** All that were ever used here, the newest first. */
export async function knownKeys(db: Db): Promise<KnownKey[]> {
  const rows = await rowsOf(db, sql`select id, number, canary from secret_keys order by number desc`);
  return rows.map((row) => ({ id: String(row["id"]), number: Number(row["number"]), canary: row["canary"] as Buffer }));
}

/** Takes a key into use as the newest, unless it is known. Of two that do so at once, one finds that it is. */
export async function admitKey(db: Db, id: string, canary: Buffer): Promise<void> {
  await db.insert(secretKeys).values({ id, canary }).onConflictDoNothing({ target: secretKeys.id });
}

/** Forgets a key under which nothing is sealed any more. False when something is, or it is the newest. */
export async function forgetKey(db: Db, id: string): Promise<boolean> {
  const rows = await rowsOf(
    db,
    sql`delete from secret_keys k where id = ${id} and number < (select max(number) from secret_keys)
          and not exists (select 1 from secret_versions v where v.key_id = k.id)
          and not exists (select 1 from executions x where x.redaction_key = k.id) returning id`,
  );
  return rows.length > 0;
}

/** How many values are sealed under each key. */
export async function keyUse(db: Db): Promise<{ id: string; number: number; values: number; createdAt: Date }[]> {
  return db
    .select({
      id: secretKeys.id,
      number: sql<number>`${secretKeys.number}`,
      values: sql<number>`((select count(*) from secret_versions v where v.key_id = secret_keys.id) + (select count(*) from executions x where x.redaction_key = secret_keys.id))::int`,
      createdAt: secretKeys.createdAt,
    })
    .from(secretKeys)
    .orderBy(sql`${secretKeys.number} desc`);
}

/** A value that is to be sealed anew. */
export interface OldValue {
  readonly companyId: string;
  readonly secretId: string;
  readonly version: number;
  readonly sealed: Buffer;
  readonly keyId: string;
}

/**
 * Takes a batch of values that are sealed under older keys than the newest, of those that `opens` names, without those that are
 * given as `<secret> <version>`. They are this transaction's until its end; what another reaper has is left out.
 */
export async function takeOldValues(tx: Db, opens: readonly string[], without: readonly string[]): Promise<OldValue[]> {
  const texts = (values: readonly string[]) => sql`${sql.param(`{${values.map((value) => `"${value}"`).join(",")}}`)}::text[]`;
  const keys = (await olderKeys(tx)).filter((id) => opens.includes(id));
  if (keys.length === 0) return [];
  const rows = await rowsOf(
    tx,
    sql`select s.company_id, v.secret_id, v.version, v.sealed, v.key_id from secret_versions v join secrets s on s.id = v.secret_id
        where v.key_id = any(${texts(keys)}) and v.secret_id || ' ' || v.version <> all(${texts(without)})
        order by v.key_id limit ${limits.secretsBatch} for update of v skip locked`,
  );
  return rows.map((row) => ({
    companyId: String(row["company_id"]),
    secretId: String(row["secret_id"]),
    version: Number(row["version"]),
    sealed: row["sealed"] as Buffer,
    keyId: String(row["key_id"]),
  }));
}

/** Whether a value is left under another key than the newest. */
export async function valuesAreOld(db: Db): Promise<boolean> {
  const keys = await olderKeys(db);
  if (keys.length === 0) return false;
  // The order has Postgres go by the index of keys: nothing else says that there is mostly no such value.
  const [row] = await rowsOf(db, sql`select 1 from secret_versions where key_id = any(${sql.param(`{${keys.join(",")}}`)}::text[]) order by key_id limit 1`);
  return row !== undefined;
}

/** Ids of all keys but the newest. */
const olderKeys = async (db: Db): Promise<string[]> => (await rowsOf(db, sql`select id from secret_keys where number < (select max(number) from secret_keys)`)).map(({ id }) => String(id));

export async function replaceSealed(tx: Db, value: Pick<OldValue, "secretId" | "version">, sealed: Buffer, keyId: string): Promise<void> {
  await rowsOf(tx, sql`update secret_versions set sealed = ${sealed}, key_id = ${keyId} where secret_id = ${value.secretId} and version = ${value.version}`);
}

/** How many rows a purge of secrets deleted. */
export interface PurgedSecrets {
  secrets: number;
  accesses: number;
}

/** Deletes a batch of what is kept no longer: deleted secrets and accesses after so many milliseconds, and those that were there for one look. */
export async function purgeSecrets(db: Db, olderThanMs: number): Promise<PurgedSecrets> {
  const batch = sql.raw(String(limits.sweepBatch));
  const before = sql`(select ${inMs(-olderThanMs)})`;
  await deleteLeftOver(db);
  const accesses = await rowsOf(
    db,
    sql`delete from secret_access_events where id = any(array(select id from secret_access_events where at < ${before} order by at limit ${batch} for update skip locked)) returning id`,
  );
  const secrets = await rowsOf(
    db,
    sql`delete from secrets where id = any(array(
          select id from secrets where deleted_at < ${before} order by deleted_at limit ${batch} for update skip locked
        )) or id = any(array(
          select id from secrets where expires_at < (select clock_timestamp()) order by expires_at limit ${batch} for update skip locked
        )) returning id`,
  );
  return { secrets: secrets.length, accesses: accesses.length };
}

/** Deletes values that were pasted into an environment that is gone, where no open lease of it needs to be given back with them. */
async function deleteLeftOver(db: Db): Promise<void> {
  const leftOver = sql`field is not null and environment_id is null and expires_at is null and status <> 'deleted'`;
  // By themselves, as there are mostly none: together with what follows Postgres would read all open leases to find that out.
  const ids = (await rowsOf(db, sql`select id from secrets where ${leftOver} order by id limit ${sql.raw(String(limits.secretsBatch))}`)).map(({ id }) => String(id));
  if (ids.length === 0) return;
  await rowsOf(
    db,
    sql`with old as (
          select s.id from secrets s where s.id = any(${sql.param(`{${ids.join(",")}}`)}::uuid[]) and ${leftOver}
            and not exists (select 1 from secret_uses u where u.secret_id = s.id)
            and not exists (
              select 1 from environment_leases l where l.company_id = s.company_id and strpos(l.config::text, s.id::text) > 0
                and l.status in ('requested', 'acquiring', 'active', 'releasing', 'retained', 'stuck')
            )
        ), gone as (delete from secret_versions v using old where v.secret_id = old.id)
        update secrets s set status = 'deleted', deleted_at = clock_timestamp() from old where s.id = old.id`,
  );
}
