import { sql } from "drizzle-orm";
import { check, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { secretPurposes, secretStatuses, type StoreReference } from "../../domain/secret.ts";
import { bytea, createdAt, id, list, moment } from "./columns.ts";
import { companies, environments } from "./tenancy.ts";

export const secrets = pgTable(
  "secrets",
  {
    id: id(),
    companyId: uuid("company_id").notNull().references(() => companies.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    description: text("description"),
    status: text("status", { enum: secretStatuses }).notNull().default("active"),
    /** Who keeps the value: `sealed` for us, else one of the operator's stores. */
    store: text("store").notNull(),
    /** Where it is there; null for what we seal. */
    reference: jsonb("reference").$type<StoreReference>(),
    /** Number of the newest version; 0 for what is kept outside. */
    version: integer("version").notNull().default(0),
    /** Field of an environment's config that the value was pasted into; the secret goes when its environment has gone. Null for one made by name. */
    field: text("field"),
    environmentId: uuid("environment_id").references(() => environments.id, { onDelete: "set null" }),
    /** For one look at a place only, and gone after this. */
    expiresAt: moment("expires_at"),
    createdAt: createdAt(),
    updatedAt: moment("updated_at").notNull().default(sql`clock_timestamp()`),
    deletedAt: moment("deleted_at"),
  },
  (t) => [
    // The name of a deleted one may be used again.
    uniqueIndex("secrets_name").on(t.companyId, t.name).where(sql.raw("status <> 'deleted'")),
    index("secrets_of_company").on(t.companyId, t.id),
    index("secrets_of_environment").on(t.environmentId).where(sql.raw("environment_id is not null")),
    index("secrets_left_over").on(t.id).where(sql.raw("field is not null and environment_id is null")),
    index("secrets_deleted").on(t.deletedAt).where(sql.raw("deleted_at is not null")),
    index("secrets_expire").on(t.expiresAt).where(sql.raw("expires_at is not null")),
    check("secrets_status", sql`${t.status} in (${list(secretStatuses)})`),
    check("secrets_deleted_says_so", sql`(${t.status} = 'deleted') = (${t.deletedAt} is not null)`),
    check("secrets_outside_has_reference", sql`(${t.store} = 'sealed') = (${t.reference} is null)`),
  ],
);

/** Values. The only column of the whole database that holds any, and it holds them sealed. */
export const secretVersions = pgTable(
  "secret_versions",
  {
    secretId: uuid("secret_id").notNull().references(() => secrets.id, { onDelete: "cascade" }),
    version: integer("version").notNull(),
    sealed: bytea("sealed").notNull(),
    /** Under which master key. */
    keyId: text("key_id").notNull().references(() => secretKeys.id),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.secretId, t.version] }), index("secret_versions_key").on(t.keyId)],
);

/** Master keys that have sealed something here, by their ids; the keys themselves are in no database. */
export const secretKeys = pgTable(
  "secret_keys",
  {
    id: text("id").primaryKey(),
    /** Grows from key to key: values are sealed under the newest, and only ever moved to a newer one. */
    number: integer("number").generatedAlwaysAsIdentity(),
    /** A known text under this key: another key of the same name is found out before it seals anything. */
    canary: bytea("canary").notNull(),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex("secret_keys_number").on(t.number)],
);

/** Which environments refer to which secrets, and where. */
export const secretUses = pgTable(
  "secret_uses",
  {
    environmentId: uuid("environment_id").notNull().references(() => environments.id, { onDelete: "cascade" }),
    /** `config.<path>` or `env.<name>`. */
    field: text("field").notNull(),
    secretId: uuid("secret_id").notNull().references(() => secrets.id, { onDelete: "cascade" }),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.field] }), index("secret_uses_of_secret").on(t.secretId)],
);

/** Who was given a value, what for and when: once for each lease, version and purpose, however often it was asked for. */
export const secretAccessEvents = pgTable(
  "secret_access_events",
  {
    id: id(),
    companyId: uuid("company_id").notNull().references(() => companies.id, { onDelete: "cascade" }),
    secretId: uuid("secret_id").notNull().references(() => secrets.id, { onDelete: "cascade" }),
    /** 0 for what is kept outside: which version it was there is the store's to say. */
    version: integer("version").notNull(),
    /** No foreign keys: this is to be known for as long as it is kept, whatever is purged. Null for a look at a place. */
    leaseId: uuid("lease_id"),
    runId: uuid("run_id"),
    purpose: text("purpose", { enum: secretPurposes }).notNull(),
    /** The process that asked, as in lease events. */
    who: text("who").notNull(),
    at: moment("at").notNull().default(sql`clock_timestamp()`),
  },
  (t) => [
    uniqueIndex("secret_access_once").on(t.leaseId, t.secretId, t.version, t.purpose),
    index("secret_access_of_secret").on(t.secretId, t.id),
    index("secret_access_purge").on(t.at),
    check("secret_access_purpose", sql`${t.purpose} in (${list(secretPurposes)})`),
  ],
);
