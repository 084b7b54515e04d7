import { asc, eq, sql } from "drizzle-orm";
import { transient } from "../domain/errors.ts";
import { newId } from "../domain/ids.ts";
import { type SecretPurpose, type SecretRef, type SecretStatus, sealedStore, type StoreReference } from "../domain/secret.ts";
import type { Db } from "./client.ts";
import { rowsOf, textOrNull } from "./rows.ts";
import { secretVersions } from "./schema.ts";

/** A value as it is kept, and the id of the master key that opens it. */
export interface SealedValue {
  readonly sealed: Buffer;
  readonly keyId: string;
}

/**
 * Writes a version down, if its key is still the newest one: what is sealed under an older one might be left behind by a
 * rotation that is all but done. Throws `transient` when a newer one was admitted meanwhile.
 */
export async function insertSecretVersion(tx: Db, secretId: string, version: number, { sealed, keyId }: SealedValue): Promise<void> {
  const rows = await rowsOf(
    tx,
    sql`insert into secret_versions (secret_id, version, sealed, key_id)
        select ${secretId}, ${version}, ${sealed}, ${keyId} where ${keyId} = (select id from secret_keys order by number desc limit 1) returning version`,
  );
  if (rows.length === 0) throw transient("master_key_rotated", "another master key has just been taken into use; ask again", { status: 503 });
}

/** Takes the next version number of a secret, in the order in which they are asked for. Undefined when it is not there any more. */
export async function nextVersion(tx: Db, secretId: string): Promise<number | undefined> {
  const [row] = await rowsOf(tx, sql`update secrets set version = version + 1, updated_at = clock_timestamp() where id = ${secretId} and status <> 'deleted' returning version`);
  return row === undefined ? undefined : Number(row["version"]);
}

/** A secret's versions without their values, oldest first. */
export async function listSecretVersions(db: Db, secretId: string): Promise<{ version: number; keyId: string; createdAt: Date }[]> {
  const { version, keyId, createdAt } = secretVersions;
  return db.select({ version, keyId, createdAt }).from(secretVersions).where(eq(secretVersions.secretId, secretId)).orderBy(asc(version));
}

/** Whose use of a secret it is. */
export interface SecretReader {
  readonly companyId: string;
  /** Null for a look at a place. */
  readonly leaseId: string | null;
  readonly runId: string | null;
  readonly who: string;
}

/** What is known about a secret that a reference names. */
export interface ReadSecret {
  readonly secretId: string;
  /** The version that was asked for. */
  readonly wanted: SecretRef["version"];
  readonly name: string;
  readonly company: string;
  readonly status: SecretStatus;
  readonly store: string;
  readonly reference: StoreReference | null;
  /** Null when there is no such version; 0 for what is kept outside. */
  readonly version: number | null;
  readonly value: SealedValue | null;
}

/**
 * Reads what some references name, and notes for each that may be used who was given it: in one statement, so that nobody
 * is given a value of which nothing is known. What is not there, or another company's, is left out.
 */
export async function readSecrets(db: Db, reader: SecretReader, refs: readonly SecretRef[], purpose: SecretPurpose): Promise<ReadSecret[]> {
  const wanted = JSON.stringify(refs.map(({ secretId, version }) => ({ event: newId(), secret_id: secretId, wanted: version === "latest" ? null : version })));
  const rows = await rowsOf(
    db,
    sql`with wanted as (
          select * from jsonb_to_recordset(${wanted}::jsonb) as w (event uuid, secret_id uuid, wanted int)
        ), found as (
          select w.event, w.wanted, s.id, s.name, c.name as company, s.status, s.store, s.reference, v.sealed, v.key_id,
            case when s.store <> ${sealedStore} then 0 else v.version end as version
          from wanted w join secrets s on s.id = w.secret_id and s.company_id = ${reader.companyId} and s.status <> 'deleted'
          join companies c on c.id = s.company_id
          left join lateral (
            select v.version, v.sealed, v.key_id from secret_versions v
            where v.secret_id = s.id and v.version = coalesce(w.wanted, s.version)
          ) v on true
        ), noted as (
          insert into secret_access_events (id, company_id, secret_id, version, lease_id, run_id, purpose, who)
          select event, ${reader.companyId}, id, version, ${reader.leaseId}::uuid, ${reader.runId}::uuid, ${purpose}, ${reader.who}
          from found where status = 'active' and version is not null
          on conflict (lease_id, secret_id, version, purpose) do nothing
        )
        select * from found`,
  );
  return rows.map((row) => ({
    secretId: String(row["id"]),
    wanted: row["wanted"] === null ? "latest" : Number(row["wanted"]),
    name: String(row["name"]),
    company: String(row["company"]),
    status: row["status"] as SecretStatus,
    store: String(row["store"]),
    reference: row["reference"] as StoreReference | null,
    version: row["version"] === null ? null : Number(row["version"]),
    value: row["sealed"] === null ? null : { sealed: row["sealed"] as Buffer, keyId: textOrNull(row["key_id"]) ?? "" },
  }));
}
