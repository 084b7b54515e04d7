import { sql } from "drizzle-orm";
import { type AnyPgColumn, boolean, check, index, integer, jsonb, pgTable, text, unique, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { driverKinds } from "../../domain/driver-kind.ts";
import type { EnvironmentVariables } from "../../domain/request.ts";
import { bytea, createdAt, id, list, moment } from "./columns.ts";

export const installation = pgTable(
  "installation",
  {
    id: id(),
    /** One row only. */
    singleton: boolean("singleton").notNull().default(true),
    /** When the fleet last swept; an old one means that it was down. */
    fleetTick: moment("fleet_tick").notNull().default(sql`clock_timestamp()`),
    /** Until then nothing is expired or timed out: after an outage the living renew first. */
    calmUntil: moment("calm_until").notNull().default(sql`clock_timestamp()`),
    /** Which database this is by Postgres's own account, as first seen or as an operator confirmed; null until first seen. */
    databaseIdentity: text("database_identity"),
    /** Since when nothing is reconciled, because the database may be a copy or an older state of itself; null while all is well. */
    heldSince: moment("held_since"),
    heldWhy: text("held_why"),
    createdAt: createdAt(),
  },
  (t) => [unique("installation_singleton").on(t.singleton), check("installation_one", sql`${t.singleton}`)],
);

export const companies = pgTable(
  "companies",
  {
    id: id(),
    name: text("name").notNull().unique("companies_name"),
    defaultEnvironmentId: uuid("default_environment_id").references((): AnyPgColumn => environments.id, { onDelete: "set null" }),
    /** Leases that may own a resource at once, over all environments; null is unbounded. */
    maxLeases: integer("max_leases"),
    createdAt: createdAt(),
  },
  (t) => [check("companies_max_leases", sql`${t.maxLeases} > 0`)],
);

export const apiTokens = pgTable(
  "api_tokens",
  {
    id: id(),
    companyId: uuid("company_id").notNull().references(() => companies.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    role: text("role", { enum: ["operator", "producer"] }).notNull(),
    /** SHA-256 of the token, which itself is kept nowhere. */
    hash: bytea("hash").notNull(),
    createdAt: createdAt(),
  },
  (t) => [unique("api_tokens_hash").on(t.hash), check("api_tokens_role", sql`${t.role} in ('operator', 'producer')`)],
);

export const environments = pgTable(
  "environments",
  {
    id: id(),
    companyId: uuid("company_id").notNull().references(() => companies.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    description: text("description"),
    driver: text("driver", { enum: driverKinds }).notNull(),
    backend: text("backend").notNull(),
    status: text("status", { enum: ["active", "archived"] }).notNull().default("active"),
    config: jsonb("config").$type<Record<string, unknown>>().notNull().default({}),
    envVars: jsonb("env_vars").$type<EnvironmentVariables>().notNull().default({}),
    /** Leases that may own a resource at once; null is unbounded. */
    maxLeases: integer("max_leases"),
    metadata: jsonb("metadata").$type<Record<string, unknown>>().notNull().default({}),
    createdAt: createdAt(),
    updatedAt: moment("updated_at").notNull().default(sql`clock_timestamp()`),
  },
  (t) => [
    unique("environments_name").on(t.companyId, t.name),
    unique("environments_company").on(t.companyId, t.id),
    uniqueIndex("environments_one_local").on(t.companyId).where(sql`${t.driver} = 'local'`),
    check("environments_driver", sql`${t.driver} in (${list(driverKinds)})`),
    check("environments_status", sql`${t.status} in ('active', 'archived')`),
    check("environments_max_leases", sql`${t.maxLeases} > 0`),
  ],
);

export const activityLog = pgTable(
  "activity_log",
  {
    id: id(),
    companyId: uuid("company_id").notNull().references(() => companies.id, { onDelete: "cascade" }),
    action: text("action").notNull(),
    entityType: text("entity_type").notNull(),
    entityId: uuid("entity_id").notNull(),
    runId: uuid("run_id"),
    details: jsonb("details").$type<Record<string, unknown>>().notNull().default({}),
    at: moment("at").notNull().default(sql`clock_timestamp()`),
  },
  (t) => [
    index("activity_of_company").on(t.companyId, t.id),
    index("activity_of_action").on(t.companyId, t.action, t.id),
    index("activity_of_entity").on(t.companyId, t.entityId, t.id),
    index("activity_of_run").on(t.companyId, t.runId, t.id).where(sql.raw("run_id is not null")),
    index("activity_purge").on(t.at),
  ],
);
