import { and, asc, desc, eq, gt, type InferSelectModel, isNull, lt, ne, sql } from "drizzle-orm";
import { invalid } from "../domain/errors.ts";
import { isId, newId } from "../domain/ids.ts";
import type { Db } from "./client.ts";
import { violated } from "./retry.ts";
import { inMs, rowsOf } from "./rows.ts";
import { secretAccessEvents, secrets, secretVersions } from "./schema.ts";

/** A company's secrets without their values, which are in `secret-versions.ts`. */
export type Secret = InferSelectModel<typeof secrets>;
export type NewSecret = Pick<typeof secrets.$inferInsert, "name" | "description" | "store" | "reference" | "field" | "environmentId" | "version">;

/** Throws `invalid` (409) when the name is taken. */
export async function insertSecret(db: Db, companyId: string, row: NewSecret, options: { readonly id?: string; readonly lifeMs?: number } = {}): Promise<Secret> {
  try {
    const [made] = await db
      .insert(secrets)
      .values({ id: options.id ?? newId(), companyId, ...row, ...(options.lifeMs === undefined ? {} : { expiresAt: inMs(options.lifeMs) as never }) })
      .returning();
    if (made === undefined) throw new Error("insert of a secret gave no row");
    return made;
  } catch (error) {
    if (violated(error) !== "secrets_name") throw error;
    throw invalid("secret_name_taken", `there is a secret named ${row.name} already; give it a new version, or choose another name`, { status: 409 });
  }
}

/** Those that a company sees. A deleted one, and one that is there for a look at a place, are as if they were not there. */
const seen = and(ne(secrets.status, "deleted"), isNull(secrets.expiresAt));

/** A company's secret by id or name; another company's looks like none (I12). */
export async function getSecret(db: Db, companyId: string, wanted: string): Promise<Secret> {
  const mine = and(eq(secrets.companyId, companyId), seen);
  const byId = isId(wanted) ? (await db.select().from(secrets).where(and(mine, eq(secrets.id, wanted))))[0] : undefined;
  // Postgres takes no NUL in a text, so no name has one.
  const found = byId ?? (wanted.includes("\0") ? undefined : (await db.select().from(secrets).where(and(mine, eq(secrets.name, wanted))))[0]);
  if (found === undefined) throw secretNotFound(wanted);
  return found;
}

export const secretNotFound = (wanted: string): Error => invalid("secret_not_found", `no secret has the id or name ${wanted.slice(0, 100)}`, { status: 404 });

/** A page of a company's secrets, by name. */
export async function listSecrets(db: Db, companyId: string, page: { after?: string | undefined; limit: number }): Promise<Secret[]> {
  return db
    .select()
    .from(secrets)
    .where(and(eq(secrets.companyId, companyId), seen, page.after === undefined ? undefined : gt(secrets.name, page.after)))
    .orderBy(asc(secrets.name))
    .limit(page.limit);
}

/** Refuses new uses, or allows them again. */
export async function setSecretStatus(db: Db, id: string, status: "active" | "disabled"): Promise<Secret> {
  const [row] = await db
    .update(secrets)
    .set({ status, updatedAt: sql`clock_timestamp()` as never })
    .where(and(eq(secrets.id, id), ne(secrets.status, "deleted")))
    .returning();
  if (row === undefined) throw secretNotFound(id);
  return row;
}

/** Locks a secret until the transaction's end: nobody comes to refer to it meanwhile. */
export async function lockSecret(tx: Db, id: string): Promise<void> {
  await rowsOf(tx, sql`select 1 from secrets where id = ${id} for update`);
}

/** Deletes a secret: its values are gone at once; that there was one stays known as long as who was given it. */
export async function deleteSecret(tx: Db, id: string): Promise<void> {
  await tx.delete(secretVersions).where(eq(secretVersions.secretId, id));
  await tx.update(secrets).set({ status: "deleted", deletedAt: sql`clock_timestamp()` as never }).where(eq(secrets.id, id));
}

/** Takes a secret out of the database, with all that is known about it. */
export async function forgetSecret(db: Db, id: string): Promise<void> {
  await db.delete(secrets).where(eq(secrets.id, id));
}

/** Open leases that were given a version of the secret: they keep it. */
export async function openLeasesWith(db: Db, secretId: string): Promise<number> {
  const [row] = await rowsOf(
    db,
    sql`select count(distinct l.id)::int as n from secret_access_events e join environment_leases l on l.id = e.lease_id
        where e.secret_id = ${secretId} and l.status in ('requested', 'acquiring', 'active', 'releasing', 'retained', 'stuck')`,
  );
  return Number(row?.["n"] ?? 0);
}

export type SecretAccess = InferSelectModel<typeof secretAccessEvents>;

/** A page of who was given a secret's value, newest first. */
export async function listSecretAccess(db: Db, secretId: string, page: { before?: string | undefined; limit: number }): Promise<SecretAccess[]> {
  return db
    .select()
    .from(secretAccessEvents)
    .where(and(eq(secretAccessEvents.secretId, secretId), page.before === undefined ? undefined : lt(secretAccessEvents.id, page.before)))
    .orderBy(desc(secretAccessEvents.id))
    .limit(page.limit);
}
