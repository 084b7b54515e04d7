import { sql } from "drizzle-orm";
import { boolean, check, foreignKey, index, integer, jsonb, pgTable, primaryKey, text, unique, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { type Anchor, executionStates } from "../../domain/execution.ts";
import type { Killed, KillReason, Outcome } from "../../domain/outcome.ts";
import type { CommandInput } from "../../domain/request.ts";
import { byteCount, bytea, claimColumns, claimIsWhole, createdAt, id, list, moment } from "./columns.ts";
import { leases } from "./leases.ts";
import { runs } from "./runs.ts";
import { companies } from "./tenancy.ts";

export const executions = pgTable(
  "executions",
  {
    id: id(),
    companyId: uuid("company_id").notNull().references(() => companies.id, { onDelete: "cascade" }),
    leaseId: uuid("lease_id").notNull().references(() => leases.id, { onDelete: "cascade" }),
    runId: uuid("run_id").references(() => runs.id, { onDelete: "cascade" }),
    /** Place among its run's commands. Those of an ad-hoc lease have none: several may run at once. */
    ordinal: integer("ordinal"),
    /** What an ad-hoc execution was asked for with, if a key was given. */
    idempotencyKey: text("idempotency_key"),
    requestHash: bytea("request_hash"),
    argv: jsonb("argv").$type<string[]>().notNull(),
    cwd: text("cwd"),
    /** Names only; values may be secret. */
    envNames: jsonb("env_names").$type<string[]>().notNull().default([]),
    /** What an ad-hoc command is given: large and secret, so read only to start it, and gone when it is final. A run's is in its request. */
    input: jsonb("input").$type<CommandInput>(),
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
    /** Whether secrets are replaced in the output. Its byte counts are then those of what is kept, not of what was written. */
    redactOutput: boolean("redact_output").notNull().default(false),
    /** What is looked for in the output, sealed like a secret: whoever takes over has to know. Gone when it is final. */
    redaction: bytea("redaction"),
    redactionKey: text("redaction_key"),
    /** Of a redacted stream: an offset of what is kept, and where reading begins at the place to make what comes after it once more. */
    stdoutAnchor: jsonb("stdout_anchor").$type<Anchor>(),
    stderrAnchor: jsonb("stderr_anchor").$type<Anchor>(),
    createdAt: createdAt(),
    startedAt: moment("started_at"),
    firstOutputAt: moment("first_output_at"),
    finishedAt: moment("finished_at"),
  },
  (t) => [
    unique("executions_ordinal").on(t.runId, t.ordinal),
    uniqueIndex("executions_idempotency").on(t.leaseId, t.idempotencyKey).where(sql.raw("idempotency_key is not null")),
    index("executions_of_lease").on(t.leaseId),
    index("executions_due").on(t.dueAt).where(sql.raw("due_at is not null")),
    index("executions_redaction_key").on(t.redactionKey).where(sql.raw("redaction_key is not null")),
    index("executions_unstarted").on(t.companyId).where(sql.raw("state in ('created', 'starting')")),
    claimIsWhole("executions"),
    check("executions_state", sql`${t.state} in (${list(executionStates)})`),
    check("executions_final_whole", sql`(${t.state} = 'final') = (${t.outcome} is not null)`),
    check("executions_final_is_quiet", sql`${t.state} <> 'final' or (${t.claimToken} is null and ${t.dueAt} is null)`),
    check("executions_final_forgets", sql`${t.state} <> 'final' or ${t.input} is null`),
    check("executions_redaction_has_key", sql`num_nulls(${t.redaction}, ${t.redactionKey}) in (0, 2)`),
    check("executions_run_has_ordinal", sql`${t.runId} is null or ${t.ordinal} is not null`),
    check("executions_key_has_hash", sql`num_nulls(${t.idempotencyKey}, ${t.requestHash}) in (0, 2)`),
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
