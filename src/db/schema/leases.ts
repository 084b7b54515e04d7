import { sql } from "drizzle-orm";
import { bigint, boolean, check, index, integer, jsonb, pgSequence, pgTable, primaryKey, smallint, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { limits } from "../../domain/defaults.ts";
import { leaseEndings, leasePolicies, leaseStates } from "../../domain/lease.ts";
import { byteCount, bytea, claimColumns, claimIsWhole, id, list, moment } from "./columns.ts";
import { companies, environments } from "./tenancy.ts";

const open = "status in ('requested', 'acquiring', 'active', 'releasing', 'retained', 'stuck')";
const ended = "status in ('released', 'expired', 'failed')";
const ownsSlot = "(status = 'requested' and fence > 0) or status in ('acquiring', 'active', 'releasing', 'stuck')";

const nobody = "'00000000-0000-0000-0000-000000000000'::uuid";

/** SQL for "this lease counts against its environment's and its company's `max_leases`". */
export const ownsSlotSql = sql.raw(`(${ownsSlot})`);

/** A lease's host and environment as the indexes of who is next have them: never null, so that each is found by equality. */
export const hostKeySql = sql.raw(`coalesce(l.host, ${nobody})`);
export const environmentKeySql = sql.raw(`coalesce(l.environment_id, ${nobody})`);
export const nobodySql = sql.raw(nobody);
/** SQL for "this lease is open", in the very words of the indexes that need it. */
export const openSql = sql.raw(open);
/** SQL for "this lease has ended", likewise. */
export const endedSql = sql.raw(ended);
/** SQL for the host in the index that keeps a resource to one open lease: that of no host where it is bound to none. */
export const hostSql = sql.raw(`coalesce(host, ${nobody})`);

export const leases = pgTable(
  "environment_leases",
  {
    id: id(),
    companyId: uuid("company_id").notNull().references(() => companies.id, { onDelete: "cascade" }),
    /** Null once the environment is deleted: the lease outlives it, with a copy of what cleanup needs. */
    environmentId: uuid("environment_id").references(() => environments.id, { onDelete: "set null" }),
    executionWorkspaceId: text("execution_workspace_id"),
    issueId: text("issue_id"),
    /** Our run's id; null for an ad-hoc lease. */
    runId: uuid("heartbeat_run_id"),
    /** What the holder of an ad-hoc lease asked for it with, if it gave a key. */
    idempotencyKey: text("idempotency_key"),
    requestHash: bytea("request_hash"),
    state: text("status", { enum: leaseStates }).notNull(),
    policy: text("lease_policy", { enum: leasePolicies }).notNull().default("ephemeral"),
    backend: text("backend").notNull(),
    provider: text("provider").notNull(),
    config: jsonb("config").$type<Record<string, unknown>>().notNull().default({}),
    providerLeaseId: text("provider_lease_id"),
    /** Identity of the provider's endpoint where the resource is, from the claim on with which it is made; null before, and where an older version made it. */
    endpoint: text("endpoint"),
    resourceKey: uuid("resource_key").notNull(),
    exclusiveKey: text("exclusive_key"),
    handle: jsonb("handle"),
    fence: integer("fence").notNull().default(0),
    /** Of the company's own leases, higher goes first. */
    priority: smallint("priority").notNull().default(0),
    ...claimColumns,
    /** The machine the lease is bound to from its first claim; null where any worker can reach the place. */
    host: uuid("host"),
    ending: text("ending", { enum: leaseEndings }),
    failureReason: text("failure_reason"),
    queueDeadline: moment("queue_deadline").notNull(),
    acquireDeadline: moment("acquire_deadline"),
    expiresAt: moment("expires_at"),
    /** No renewal goes past this. */
    maxExpiresAt: moment("max_expires_at").notNull(),
    /** Of an ad-hoc lease: milliseconds from `active` to its hard end. */
    maxLifeMs: byteCount("max_life_ms"),
    mustDestroy: boolean("must_destroy").notNull().default(false),
    unharvested: boolean("unharvested").notNull().default(false),
    /** Not before this (waiting for a retry), or when the reaper should look again (releasing, stuck). */
    dueAt: moment("due_at"),
    target: jsonb("target").$type<{ transport: string; cwd: string; shell: string }>(),
    metadata: jsonb("metadata").$type<Record<string, unknown>>().notNull().default({}),
    requestedAt: moment("requested_at").notNull().default(sql`clock_timestamp()`),
    acquiredAt: moment("acquired_at"),
    /** When it left `active`, or was ended before. */
    endedAt: moment("ended_at"),
    /** When it last began to be released; retries do not move it. */
    releasingSince: moment("releasing_since"),
    /** When the provider's word was had that the resource is gone. */
    releasedAt: moment("released_at"),
    updatedAt: moment("updated_at").notNull().default(sql`clock_timestamp()`),
  },
  (t) => [
    uniqueIndex("leases_one_open_per_resource").on(t.backend, sql`coalesce(host, '00000000-0000-0000-0000-000000000000'::uuid)`, t.resourceKey).where(sql.raw(open)),
    uniqueIndex("leases_one_open_per_directory").on(t.exclusiveKey).where(sql.raw(`exclusive_key is not null and ${open}`)),
    uniqueIndex("leases_idempotency").on(t.companyId, t.idempotencyKey).where(sql.raw("idempotency_key is not null")),
    // Who is next, see next-lease.ts. Those that wait, company by company and environment by environment, in their order.
    index("leases_waiting")
      .on(t.backend, sql.raw(`coalesce(host, ${nobody})`), t.companyId, sql.raw(`coalesce(environment_id, ${nobody})`), t.priority.desc().nullsFirst(), t.requestedAt, t.id)
      .where(sql.raw("status = 'requested'")),
    index("leases_begun").on(t.backend, sql.raw(`coalesce(host, ${nobody})`), sql.raw("coalesce(due_at, requested_at)")).where(sql.raw("status = 'acquiring'")),
    // For workers of versions before 0004, which take the oldest.
    index("leases_to_acquire").on(t.backend, t.host, t.requestedAt).where(sql.raw("status in ('requested', 'acquiring')")),
    index("leases_due").on(t.dueAt).where(sql.raw("status in ('releasing', 'stuck')")),
    index("leases_queue_deadline").on(t.queueDeadline).where(sql.raw("status = 'requested'")),
    index("leases_acquire_deadline").on(t.acquireDeadline).where(sql.raw("status = 'acquiring'")),
    index("leases_expiry").on(t.expiresAt).where(sql.raw("status in ('active', 'retained')")),
    index("leases_releasing_since").on(t.releasingSince).where(sql.raw("status = 'releasing'")),
    index("leases_slots").on(t.environmentId).where(sql.raw(ownsSlot)),
    index("leases_slots_of_company").on(t.companyId).where(sql.raw(ownsSlot)),
    index("leases_of_run").on(t.runId),
    index("leases_of_company").on(t.companyId, t.id),
    // Listings of what is open or has ended in some way; of an environment, whose row can be deleted too.
    index("leases_open_of_company").on(t.companyId, t.id).where(sql.raw(open)),
    index("leases_ended_of_company").on(t.companyId, t.state, t.id).where(sql.raw(ended)),
    index("leases_of_environment").on(t.environmentId, t.id),
    index("leases_purge").on(t.releasedAt).where(sql.raw("released_at is not null")),
    claimIsWhole("leases"),
    check("leases_priority", sql`${t.priority} between ${sql.raw(String(limits.priorityMin))} and ${sql.raw(String(limits.priorityMax))}`),
    check("leases_key_has_hash", sql`num_nulls(${t.idempotencyKey}, ${t.requestHash}) in (0, 2)`),
    check("leases_status", sql`${t.state} in (${list(leaseStates)})`),
    check("leases_policy", sql`${t.policy} in (${list(leasePolicies)})`),
    check("leases_ending", sql`${t.ending} in (${list(leaseEndings)})`),
    check("leases_active_has_resource", sql`${t.state} not in ('active', 'retained') or (${t.handle} is not null and ${t.expiresAt} is not null and ${t.acquiredAt} is not null)`),
    check("leases_ending_known", sql`${t.state} in ('requested', 'acquiring', 'active') or (${t.ending} is not null and ${t.endedAt} is not null)`),
    check("leases_final_says_so", sql`(${t.state} in ('released', 'expired', 'failed')) = (${t.releasedAt} is not null)`),
    check("leases_final_is_its_ending", sql`${t.state} not in ('released', 'expired', 'failed') or ${t.state} = ${t.ending}`),
    check("leases_final_is_unclaimed", sql`${t.state} not in ('released', 'expired', 'failed') or (${t.claimToken} is null and ${t.dueAt} is null)`),
    check("leases_acquiring_was_claimed", sql`${t.state} <> 'acquiring' or (${t.fence} > 0 and ${t.acquireDeadline} is not null)`),
  ],
);

/** Numbers of turns, over all backends. */
export const acquireTurn = pgSequence("acquire_turn");

/** When each company last had its turn at a backend: the one whose turn is longest ago is next. No row: it never had one. */
export const acquireTurns = pgTable(
  "acquire_turns",
  {
    backend: text("backend").notNull(),
    companyId: uuid("company_id").notNull().references(() => companies.id, { onDelete: "cascade" }),
    /** Of `acquire_turn`: later is higher. */
    turn: bigint("turn", { mode: "number" }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.backend, t.companyId] })],
);

export const leaseEvents = pgTable(
  "lease_events",
  {
    /** Chosen by the caller before the statement, so that a lost answer can be told from a lost race. */
    id: id(),
    leaseId: uuid("lease_id").notNull().references(() => leases.id, { onDelete: "cascade" }),
    event: text("event").notNull(),
    from: text("from_state"),
    to: text("to_state").notNull(),
    fence: integer("fence").notNull(),
    who: text("who").notNull(),
    why: text("why"),
    at: moment("at").notNull().default(sql`clock_timestamp()`),
  },
  (t) => [index("lease_events_of_lease").on(t.leaseId, t.at)],
);
