import { sql } from "drizzle-orm";
import { boolean, check, index, integer, jsonb, pgTable, text, unique, uuid } from "drizzle-orm/pg-core";
import type { Outcome } from "../../domain/outcome.ts";
import type { RunRequest } from "../../domain/request.ts";
import { runPhases } from "../../domain/run.ts";
import { bytea, claimColumns, claimIsWhole, createdAt, id, list, moment } from "./columns.ts";
import { leases } from "./leases.ts";
import { companies, environments } from "./tenancy.ts";

/** A run's result; null until its outcome is known. It says what `resultOf` says. */
const result = (outcome: string): string => `(case when ${outcome} is null then null when ${outcome}->>'kind' = 'exited' and ${outcome}->>'code' = '0' then 'succeeded'
  when ${outcome}->>'kind' in ('timed_out', 'cancelled', 'lost') then ${outcome}->>'kind' else 'failed' end)`;
/** SQL for it, in the words of its index. */
export const resultSql = sql.raw(result("runs.outcome"));

export const runs = pgTable(
  "runs",
  {
    id: id(),
    companyId: uuid("company_id").notNull().references(() => companies.id, { onDelete: "cascade" }),
    idempotencyKey: text("idempotency_key").notNull(),
    requestHash: bytea("request_hash").notNull(),
    request: jsonb("request").$type<RunRequest>().notNull(),
    /** The run whose request this one repeats. It may be purged before this one. */
    retryOf: uuid("retry_of"),
    /** The producer's own ids, as its request has them, to be found by. */
    producerRunId: text("producer_run_id"),
    producerIssueId: text("producer_issue_id"),
    producerAgentId: text("producer_agent_id"),
    producerWorkspaceId: text("producer_workspace_id"),
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
    index("runs_of_environment").on(t.environmentId, t.id),
    index("runs_of_result").on(t.companyId, sql.raw(result("outcome")), t.id).where(sql.raw("outcome is not null")),
    index("runs_of_producer_run").on(t.companyId, t.producerRunId, t.id).where(sql.raw("producer_run_id is not null")),
    index("runs_of_producer_issue").on(t.companyId, t.producerIssueId, t.id).where(sql.raw("producer_issue_id is not null")),
    index("runs_of_producer_agent").on(t.companyId, t.producerAgentId, t.id).where(sql.raw("producer_agent_id is not null")),
    index("runs_of_producer_workspace").on(t.companyId, t.producerWorkspaceId, t.id).where(sql.raw("producer_workspace_id is not null")),
    index("runs_of_lease").on(t.leaseId),
    index("runs_open").on(t.companyId, t.id).where(sql.raw("phase <> 'ended'")),
    // The reaper's: accepted runs are taken company by company, all others as they become due. `runs_due` is for reapers of versions before 0004.
    index("runs_due_now").on(t.dueAt).where(sql.raw("due_at is not null and (phase <> 'accepted' or overdue or cancel_requested_at is not null)")),
    index("runs_woken").on(t.companyId).where(sql.raw("phase in ('acquiring', 'realizing') and due_at is not null")),
    index("runs_accepted").on(t.companyId, t.id).where(sql.raw("phase = 'accepted'")),
    index("runs_purge").on(t.endedAt).where(sql.raw("ended_at is not null")),
    claimIsWhole("runs"),
    check("runs_phase", sql`${t.phase} in (${list(runPhases)})`),
    check("runs_ended_whole", sql`(${t.phase} = 'ended') = (${t.endedAt} is not null)`),
    check("runs_outcome_when_over", sql`${t.phase} not in ('harvesting', 'releasing', 'ended') or ${t.outcome} is not null`),
    check("runs_ended_is_quiet", sql`${t.phase} <> 'ended' or (${t.dueAt} is null and ${t.deadline} is null and ${t.claimToken} is null)`),
    check("runs_has_lease", sql`${t.phase} in ('accepted', 'ended') or ${t.leaseId} is not null`),
  ],
);
