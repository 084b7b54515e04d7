import { sql } from "drizzle-orm";
import { type AnyPgColumn, boolean, check, foreignKey, index, integer, jsonb, pgTable, primaryKey, text, unique, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { driverKinds } from "../domain/driver-kind.ts";
import { executionStates } from "../domain/execution.ts";
import { leaseEndings, leasePolicies, leaseStates } from "../domain/lease.ts";
import { runPhases } from "../domain/run.ts";
import type { Outcome, KillReason, Killed } from "../domain/outcome.ts";
import type { RunRequest } from "../domain/request.ts";
import { byteCount, bytea, claimColumns, moment } from "./columns.ts";

/** The whole data model. Why each table is as it is: `docs/leases.md` and `docs/runs.md`. */

const id = () => uuid("id").primaryKey();
const createdAt = () => moment("created_at").notNull().default(sql`clock_timestamp()`);
const list = (values: readonly string[]) => sql.raw(values.map((v) => `'${v}'`).join(", "));
const claimIsWhole = (prefix: string) =>
  check(`${prefix}_claim_whole`, sql.raw(`num_nulls(claim_owner, claim_token, claim_until) in (0, 3)`));

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
    createdAt: createdAt(),
  },
  (t) => [unique("installation_singleton").on(t.singleton), check("installation_one", sql`${t.singleton}`)],
);

export const companies = pgTable("companies", {
  id: id(),
  name: text("name").notNull().unique("companies_name"),
  defaultEnvironmentId: uuid("default_environment_id").references((): AnyPgColumn => environments.id, { onDelete: "set null" }),
  createdAt: createdAt(),
});

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
    envVars: jsonb("env_vars").$type<Record<string, string>>().notNull().default({}),
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

const open = "status in ('requested', 'acquiring', 'active', 'releasing', 'retained', 'stuck')";
const ownsSlot = "(status = 'requested' and fence > 0) or status in ('acquiring', 'active', 'releasing', 'stuck')";

/** SQL for "this lease counts against its environment's `max_leases`". */
export const ownsSlotSql = sql.raw(`(${ownsSlot})`);

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
    state: text("status", { enum: leaseStates }).notNull(),
    policy: text("lease_policy", { enum: leasePolicies }).notNull().default("ephemeral"),
    backend: text("backend").notNull(),
    provider: text("provider").notNull(),
    config: jsonb("config").$type<Record<string, unknown>>().notNull().default({}),
    providerLeaseId: text("provider_lease_id"),
    resourceKey: uuid("resource_key").notNull(),
    exclusiveKey: text("exclusive_key"),
    handle: jsonb("handle"),
    fence: integer("fence").notNull().default(0),
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
    index("leases_to_acquire").on(t.backend, t.host, t.requestedAt).where(sql.raw("status in ('requested', 'acquiring')")),
    index("leases_due").on(t.dueAt).where(sql.raw("status in ('releasing', 'stuck')")),
    index("leases_queue_deadline").on(t.queueDeadline).where(sql.raw("status = 'requested'")),
    index("leases_acquire_deadline").on(t.acquireDeadline).where(sql.raw("status = 'acquiring'")),
    index("leases_expiry").on(t.expiresAt).where(sql.raw("status in ('active', 'retained')")),
    index("leases_releasing_since").on(t.releasingSince).where(sql.raw("status = 'releasing'")),
    index("leases_slots").on(t.environmentId).where(sql.raw(ownsSlot)),
    index("leases_of_run").on(t.runId),
    index("leases_of_company").on(t.companyId, t.id),
    index("leases_purge").on(t.releasedAt).where(sql.raw("released_at is not null")),
    claimIsWhole("leases"),
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
  (t) => [index("activity_of_company").on(t.companyId, t.id), index("activity_purge").on(t.at)],
);

export const runs = pgTable(
  "runs",
  {
    id: id(),
    companyId: uuid("company_id").notNull().references(() => companies.id, { onDelete: "cascade" }),
    idempotencyKey: text("idempotency_key").notNull(),
    requestHash: bytea("request_hash").notNull(),
    request: jsonb("request").$type<RunRequest>().notNull(),
    environmentId: uuid("environment_id").references(() => environments.id, { onDelete: "set null" }),
    /** Which level of the request, or which default, chose the environment. */
    environmentReason: text("environment_reason"),
    leaseId: uuid("lease_id").references(() => leases.id),
    phase: text("phase", { enum: runPhases }).notNull(),
    /** Grows with every decision and everything a decision depends on: decisions are compare-and-set on it. */
    version: integer("version").notNull().default(0),
    /** Number of the attempt at the current step (realize, harvest). */
    offer: integer("offer").notNull().default(0),
    ...claimColumns,
    /** The current step is not tried again before this, whoever rings. */
    stepAfter: moment("step_after"),
    /** Why the current step was given up. */
    stepFailure: jsonb("step_failure").$type<{ code: string; message: string }>(),
    /** When the run wants a decision; null while it waits for its lease, step or execution, which set it when they are done. */
    dueAt: moment("due_at"),
    /** End of the current phase's time; null once the reaper saw that it has passed. */
    deadline: moment("deadline"),
    overdue: boolean("overdue").notNull().default(false),
    cancelRequestedAt: moment("cancel_requested_at"),
    outcome: jsonb("outcome").$type<Outcome>(),
    acquiringAt: moment("acquiring_at"),
    realizedAt: moment("realized_at"),
    harvestedAt: moment("harvested_at"),
    endedAt: moment("ended_at"),
    createdAt: createdAt(),
  },
  (t) => [
    unique("runs_idempotency").on(t.companyId, t.idempotencyKey),
    index("runs_due").on(t.dueAt).where(sql.raw("due_at is not null")),
    index("runs_deadline").on(t.deadline).where(sql.raw("deadline is not null")),
    index("runs_of_company").on(t.companyId, t.id),
    index("runs_of_lease").on(t.leaseId),
    index("runs_open").on(t.companyId, t.id).where(sql.raw("phase <> 'ended'")),
    index("runs_purge").on(t.endedAt).where(sql.raw("ended_at is not null")),
    claimIsWhole("runs"),
    check("runs_phase", sql`${t.phase} in (${list(runPhases)})`),
    check("runs_ended_whole", sql`(${t.phase} = 'ended') = (${t.endedAt} is not null)`),
    check("runs_outcome_when_over", sql`${t.phase} not in ('harvesting', 'releasing', 'ended') or ${t.outcome} is not null`),
    check("runs_ended_is_quiet", sql`${t.phase} <> 'ended' or (${t.dueAt} is null and ${t.deadline} is null and ${t.claimToken} is null)`),
    check("runs_has_lease", sql`${t.phase} in ('accepted', 'ended') or ${t.leaseId} is not null`),
  ],
);

export const executions = pgTable(
  "executions",
  {
    id: id(),
    companyId: uuid("company_id").notNull().references(() => companies.id, { onDelete: "cascade" }),
    leaseId: uuid("lease_id").notNull().references(() => leases.id, { onDelete: "cascade" }),
    runId: uuid("run_id").references(() => runs.id, { onDelete: "cascade" }),
    ordinal: integer("ordinal").notNull(),
    argv: jsonb("argv").$type<string[]>().notNull(),
    cwd: text("cwd"),
    /** Names only; values may be secret. */
    envNames: jsonb("env_names").$type<string[]>().notNull().default([]),
    state: text("state", { enum: executionStates }).notNull().default("created"),
    offer: integer("offer").notNull().default(0),
    ...claimColumns,
    dueAt: moment("due_at"),
    timeoutMs: byteCount("timeout_ms").notNull(),
    outputLimit: byteCount("output_limit").notNull(),
    bootId: text("boot_id"),
    killReason: text("kill_reason").$type<KillReason>(),
    killAskedAt: moment("kill_asked_at"),
    outcome: jsonb("outcome").$type<Outcome>(),
    killed: text("killed").$type<Killed>(),
    stdoutBytes: byteCount("stdout_bytes").notNull().default(0),
    stderrBytes: byteCount("stderr_bytes").notNull().default(0),
    /** Bytes written but not kept; null while unknown. */
    stdoutDropped: byteCount("stdout_dropped"),
    stderrDropped: byteCount("stderr_dropped"),
    outputComplete: boolean("output_complete"),
    createdAt: createdAt(),
    startedAt: moment("started_at"),
    firstOutputAt: moment("first_output_at"),
    finishedAt: moment("finished_at"),
  },
  (t) => [
    unique("executions_ordinal").on(t.runId, t.ordinal),
    index("executions_of_lease").on(t.leaseId),
    index("executions_due").on(t.dueAt).where(sql.raw("due_at is not null")),
    claimIsWhole("executions"),
    check("executions_state", sql`${t.state} in (${list(executionStates)})`),
    check("executions_final_whole", sql`(${t.state} = 'final') = (${t.outcome} is not null)`),
    check("executions_final_is_quiet", sql`${t.state} <> 'final' or (${t.claimToken} is null and ${t.dueAt} is null)`),
    check("executions_intent_first", sql`${t.state} not in ('starting', 'running') or ${t.bootId} is not null`),
  ],
);

export const executionOutput = pgTable(
  "execution_output",
  {
    executionId: uuid("execution_id").notNull(),
    stream: text("stream", { enum: ["stdout", "stderr"] }).notNull(),
    start: byteCount("start").notNull(),
    bytes: bytea("bytes").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.executionId, t.stream, t.start] }),
    foreignKey({ columns: [t.executionId], foreignColumns: [executions.id], name: "output_of_execution" }).onDelete("cascade"),
  ],
);

export const workers = pgTable(
  "workers",
  {
    id: id(),
    host: uuid("host").notNull(),
    hostName: text("host_name").notNull(),
    pid: integer("pid").notNull(),
    version: text("version").notNull(),
    backends: text("backends").array().notNull(),
    startedAt: moment("started_at").notNull().default(sql`clock_timestamp()`),
    beatAt: moment("beat_at").notNull().default(sql`clock_timestamp()`),
  },
  (t) => [index("workers_beat").on(t.beatAt)],
);
