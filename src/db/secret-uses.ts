import { asc, eq, inArray, sql } from "drizzle-orm";
import type { SecretRef, SecretStatus } from "../domain/secret.ts";
import type { Db } from "./client.ts";
import { rowsOf } from "./rows.ts";
import { environments, secrets, secretUses } from "./schema.ts";

/** What is known about a reference before it is used. */
export interface CheckedRef {
  readonly secretId: string;
  readonly name: string;
  readonly status: SecretStatus;
  readonly store: string;
  /** Whether there is such a version, as far as we can say: stores outside have their own. */
  readonly hasVersion: boolean;
}

/** Looks some references up. In a transaction they cannot be deleted before its end. What is not there, or another company's, is left out. */
export async function lookUpRefs(db: Db, companyId: string, refs: readonly SecretRef[], options: { readonly lock?: boolean } = {}): Promise<CheckedRef[]> {
  const wanted = JSON.stringify(refs.map(({ secretId, version }) => ({ secret_id: secretId, wanted: version === "latest" ? null : version })));
  const rows = await rowsOf(
    db,
    sql`select s.id, s.name, s.status, s.store,
          s.store <> 'sealed' or exists (select 1 from secret_versions v where v.secret_id = s.id and v.version = coalesce(w.wanted, s.version)) as has_version
        from jsonb_to_recordset(${wanted}::jsonb) as w (secret_id uuid, wanted int) join secrets s on s.id = w.secret_id
        where s.company_id = ${companyId} and s.status <> 'deleted' and s.expires_at is null
        order by s.id ${options.lock === true ? sql`for share of s` : sql``}`,
  );
  return rows.map((row) => ({ secretId: String(row["id"]), name: String(row["name"]), status: row["status"] as SecretStatus, store: String(row["store"]), hasVersion: row["has_version"] === true }));
}

/** Writes down which secrets an environment refers to, instead of what was written before. */
export async function replaceUses(tx: Db, environmentId: string, uses: readonly { readonly field: string; readonly secretId: string }[]): Promise<void> {
  await tx.delete(secretUses).where(eq(secretUses.environmentId, environmentId));
  if (uses.length > 0) await tx.insert(secretUses).values(uses.map((use) => ({ environmentId, ...use })));
}

export interface SecretUse {
  readonly environmentId: string;
  readonly environment: string;
  readonly field: string;
}

/** Environments that refer to a secret, by name. */
export async function usesOf(db: Db, secretId: string): Promise<SecretUse[]> {
  return db
    .select({ environmentId: environments.id, environment: environments.name, field: secretUses.field })
    .from(secretUses)
    .innerJoin(environments, eq(environments.id, secretUses.environmentId))
    .where(eq(secretUses.secretId, secretId))
    .orderBy(asc(environments.name), asc(secretUses.field));
}

/** The secrets that an environment refers to. */
export async function secretsOf(tx: Db, environmentId: string): Promise<ReadonlySet<string>> {
  const rows = await tx.select({ secretId: secretUses.secretId }).from(secretUses).where(eq(secretUses.environmentId, environmentId));
  return new Set(rows.map(({ secretId }) => secretId));
}

/** Has pasted secrets belong to no environment any more; the purge takes them when no lease needs them. */
export async function leavePasted(tx: Db, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await tx.update(secrets).set({ environmentId: null }).where(inArray(secrets.id, [...ids]));
}

/** The secrets that were made of what was pasted into an environment's config, by field. */
export async function pastedInto(tx: Db, environmentId: string): Promise<Map<string, string>> {
  const rows = await rowsOf(tx, sql`select field, id from secrets where environment_id = ${environmentId} and field is not null and status <> 'deleted'`);
  return new Map(rows.map((row) => [String(row["field"]), String(row["id"])]));
}
