import { sql } from "drizzle-orm";
import { boolean, check, foreignKey, index, integer, jsonb, pgTable, primaryKey, text, unique, uuid } from "drizzle-orm/pg-core";
import { executionStates } from "../../domain/execution.ts";
import type { Killed, KillReason, Outcome } from "../../domain/outcome.ts";
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
