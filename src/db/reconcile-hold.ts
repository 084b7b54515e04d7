import { sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { databaseCode } from "./retry.ts";
import { rowsOf, textOrNull } from "./rows.ts";

/** Whether this database is the one whose resources we may judge: its own identity, and what machines remember of it. */

/** Why nothing is reconciled, and since when. */
export interface Hold {
  readonly since: Date;
  readonly why: string;
}

/** Which database this is by Postgres's own account: cluster and database, with `-` for a cluster that does not tell this user. */
export async function databaseIdentity(db: Db): Promise<string> {
  const [row] = await rowsOf(db, sql`select oid::text as oid from pg_database where datname = current_database()`);
  return `${await systemIdentifier(db)}/${String(row?.["oid"])}`;
}

async function systemIdentifier(db: Db): Promise<string> {
  try {
    const [row] = await rowsOf(db, sql`select system_identifier::text as id from pg_control_system()`);
    return String(row?.["id"]);
  } catch (error) {
    if (databaseCode(error) !== insufficientPrivilege) throw error;
    return "-";
  }
}

const insufficientPrivilege = "42501";

export async function findHold(db: Db): Promise<{ hold: Hold | null; identity: string | null }> {
  const [row] = await rowsOf(db, sql`select database_identity, extract(epoch from held_since) * 1000 as since, held_why from installation`);
  const since = row?.["since"];
  return {
    hold: since === null || since === undefined ? null : { since: new Date(Number(since)), why: textOrNull(row?.["held_why"]) ?? "" },
    identity: textOrNull(row?.["database_identity"]),
  };
}

/** Writes down which database this is, if what was there is still `before`. */
export async function storeIdentity(db: Db, before: string | null, identity: string): Promise<void> {
  await rowsOf(db, sql`update installation set database_identity = ${identity} where database_identity is not distinct from ${before}`);
}

/** Holds reconcile back everywhere, until an operator confirms. The first reason stays; true when this is it. */
export async function holdReconcile(db: Db, why: string): Promise<boolean> {
  const rows = await rowsOf(db, sql`update installation set held_since = clock_timestamp(), held_why = ${why} where held_since is null returning id`);
  return rows.length > 0;
}

/** What a machine's number is after an operator confirmed: whatever that machine remembers, it begins anew. */
export const confirmedWitness = "00000000-0000-0000-0000-000000000000";

/**
 * An operator says that this database is the one: what the fleet finds from now on is true. Machines begin to remember
 * anew. False when nothing was held.
 */
export async function confirmDatabase(db: Db): Promise<boolean> {
  const identity = await databaseIdentity(db);
  return db.transaction(async (tx) => {
    const rows = await rowsOf(tx, sql`update installation set held_since = null, held_why = null, database_identity = ${identity} where held_since is not null returning id`);
    if (rows.length === 0) return false;
    await rowsOf(tx, sql`update hosts set witness = ${confirmedWitness}`);
    await rowsOf(tx, sql`update reconcile_endpoints set due_at = clock_timestamp()`);
    return true;
  });
}

/** The number that the database has for this machine; null for none. */
export async function hostWitness(db: Db, host: string): Promise<string | null> {
  const [row] = await rowsOf(db, sql`select witness from hosts where id = ${host}`);
  return textOrNull(row?.["witness"]);
}

/** Puts a new number in the place of the one that was read. False when somebody else has, meanwhile. */
export async function replaceWitness(db: Db, host: { readonly id: string; readonly name: string }, before: string | null, next: string): Promise<boolean> {
  const rows =
    before === null
      ? await rowsOf(
          db,
          sql`insert into hosts as h (id, name, backends, witness) values (${host.id}, ${host.name}, '{}', ${next})
              on conflict (id) do update set witness = excluded.witness where h.witness is null returning id`,
        )
      : await rowsOf(db, sql`update hosts set witness = ${next} where id = ${host.id} and witness = ${before} returning id`);
  return rows.length > 0;
}
