import { sql } from "drizzle-orm";
import { check, index, integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { findingKinds } from "../../domain/reconcile.ts";
import { claimColumns, claimIsWhole, list, moment } from "./columns.ts";

/** What each listing of a provider's endpoint found, and when the next one is due. One row per endpoint. */
export const reconcileEndpoints = pgTable(
  "reconcile_endpoints",
  {
    /** Identity of the provider's endpoint, as its driver says. */
    endpoint: text("endpoint").primaryKey(),
    backend: text("backend").notNull(),
    /** The machine that alone can list it; null where any worker can. */
    host: uuid("host"),
    ...claimColumns,
    dueAt: moment("due_at").notNull().default(sql`clock_timestamp()`),
    /** When the last listing that came to its end began. */
    listedAt: moment("listed_at"),
    listed: integer("listed"),
    orphans: integer("orphans"),
    vanished: integer("vanished"),
    duplicates: integer("duplicates"),
    /** What the cap left for the next cycle. */
    deferred: integer("deferred"),
    /** Why the last listing failed; null when it did not. */
    failure: text("failure"),
  },
  () => [claimIsWhole("reconcile_endpoints")],
);

/** What a listing showed that no open lease explains, until it is gone. */
export const reconcileFindings = pgTable(
  "reconcile_findings",
  {
    endpoint: text("endpoint").notNull().references(() => reconcileEndpoints.endpoint, { onDelete: "cascade" }),
    resourceKey: uuid("resource_key").notNull(),
    /** The provider's own name for it; empty where it has none. */
    providerLeaseId: text("provider_lease_id").notNull().default(""),
    kind: text("kind", { enum: findingKinds }).notNull(),
    firstSeenAt: moment("first_seen_at").notNull().default(sql`clock_timestamp()`),
  },
  (t) => [
    primaryKey({ columns: [t.endpoint, t.resourceKey, t.providerLeaseId] }),
    index("reconcile_findings_first_seen").on(t.firstSeenAt),
    check("reconcile_findings_kind", sql`${t.kind} in (${list(findingKinds)})`),
  ],
);
