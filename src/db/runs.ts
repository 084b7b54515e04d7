import { and, eq, getTableColumns, type InferSelectModel, type SQL, sql } from "drizzle-orm";
import type { Claim } from "../domain/claim.ts";
import { limits, timing } from "../domain/defaults.ts";
import { invalid, stale } from "../domain/errors.ts";
import { newId } from "../domain/ids.ts";
import type { RunRequest } from "../domain/request.ts";
import { phaseTime, type RunPhase } from "../domain/run.ts";
import type { Db } from "./client.ts";
import { Assignments, columnsOf, decode, inMs, rowsOf } from "./rows.ts";
import { executions, leases, runs } from "./schema.ts";
import type { Lease } from "./leases.ts";
import { type Execution, executionColumns } from "./executions.ts";

export type Run = InferSelectModel<typeof runs>;

/** A run with what its decisions and its timeline depend on. */
export interface RunSituation {
  readonly run: Run;
  readonly lease: Lease | null;
  readonly execution: Execution | null;
}

/**
 * Writes an accepted run down under its idempotency key. The same key with the same request gives the run there is;
 * with another request it is `invalid`.
 */
export async function acceptRun(db: Db, companyId: string, key: string, hash: Buffer, request: RunRequest): Promise<{ run: Run; fresh: boolean }> {
  const [made] = await db
    .insert(runs)
    .values({
      id: newId(),
      companyId,
      idempotencyKey: key,
      requestHash: hash,
      request,
      ...producerColumns(request),
      phase: "accepted",
      dueAt: sql`${inMs(timing.ringAgain)}` as never,
      deadline: sql`${inMs(phaseTime("accepted", request))}` as never,
    })
    .onConflictDoNothing({ target: [runs.companyId, runs.idempotencyKey] })
    .returning();
  if (made !== undefined) return { run: made, fresh: true };
  return { run: await findKeyedRun(db, companyId, key, hash), fresh: false };
}

/** What a request says of its producer, as columns to be found by. */
const producerColumns = ({ producer }: RunRequest) => ({
  producerRunId: producer.runId ?? null,
  producerIssueId: producer.issueId ?? null,
  producerAgentId: producer.agentId ?? null,
  producerWorkspaceId: producer.executionWorkspaceId ?? null,
});

/** The company's run of this key. Throws `invalid` (409) when it was asked for with another request. */
async function findKeyedRun(db: Db, companyId: string, key: string, hash: Buffer): Promise<Run> {
  const [old] = await db.select().from(runs).where(and(eq(runs.companyId, companyId), eq(runs.idempotencyKey, key)));
  if (old === undefined) throw stale("run_purged", `the run with idempotency key ${key} was purged just now; ask again`);
  if (!old.requestHash.equals(hash)) {
    throw invalid("idempotency_key_reused", `idempotency key ${key} belongs to run ${old.id}, which asks for something else; use another key`, { status: 409 });
  }
  return old;
}

/** Whether a run of the company has this idempotency key. */
export async function isKeyTaken(db: Db, companyId: string, key: string): Promise<boolean> {
  return (await db.select({ id: runs.id }).from(runs).where(and(eq(runs.companyId, companyId), eq(runs.idempotencyKey, key)))).length > 0;
}

/** The place of a company's newest accepted run among those that wait for a decision: 1 for the only one. Counted no further than is worth telling apart. */
export async function rankOfAccepted(db: Db, companyId: string): Promise<number> {
  const [row] = await rowsOf(
    db,
    sql`select count(*)::int as n from (select 1 from runs where company_id = ${companyId} and phase = 'accepted' limit ${sql.raw(String(limits.runRank))}) counted`,
  );
  return Math.max(1, Number(row?.["n"]));
}

/**
 * Accepts the request of a company's run that has ended once more, as a run of its own; what is in it never leaves the database.
 * Null when there is no such run, or it has not ended, and the key has no run either.
 */
export async function acceptAgain(db: Db, companyId: string, runId: string, key: string, hash: Buffer): Promise<{ run: Run; fresh: boolean } | null> {
  const [row] = await rowsOf(
    db,
    sql`insert into runs (id, company_id, idempotency_key, request_hash, request, retry_of, producer_run_id, producer_issue_id, producer_agent_id, producer_workspace_id, phase, due_at, deadline)
        select ${newId()}::uuid, company_id, ${key}, ${hash}, request, id, request->'producer'->>'runId', request->'producer'->>'issueId', request->'producer'->>'agentId',
          request->'producer'->>'executionWorkspaceId', 'accepted', ${inMs(timing.ringAgain)}, ${inMs(timing.queueWait)}
        from runs where id = ${runId} and company_id = ${companyId} and phase = 'ended'
        on conflict (company_id, idempotency_key) do nothing returning ${columnsOf(runs)}`,
  );
  if (row !== undefined) return { run: decode(runs, row), fresh: true };
  const [keyed] = await db.select({ id: runs.id }).from(runs).where(and(eq(runs.companyId, companyId), eq(runs.idempotencyKey, key)));
  return keyed === undefined ? null : { run: await findKeyedRun(db, companyId, key, hash), fresh: false };
}

/** A run without its stdin, which may be a megabyte and matters only to whoever starts the command; empty where there is one. */
export const lightRun = {
  ...getTableColumns(runs),
  request: sql<RunRequest>`case when ${runs.request} ? 'stdin' then jsonb_set(${runs.request}, '{stdin}', '""') else ${runs.request} end`.mapWith(runs.request),
};

/** A run's whole request, stdin included. */
export async function findRequest(db: Db, runId: string): Promise<RunRequest | undefined> {
  const [row] = await db.select({ request: runs.request }).from(runs).where(eq(runs.id, runId));
  return row?.request;
}

export async function findSituation(db: Db, runId: string): Promise<RunSituation | undefined> {
  const [row] = await db
    .select({ run: lightRun, lease: getTableColumns(leases), execution: executionColumns })
    .from(runs)
    .leftJoin(leases, eq(leases.id, runs.leaseId))
    .leftJoin(executions, eq(executions.runId, runs.id))
    .where(eq(runs.id, runId));
  return row;
}

/** A company's run; another company's looks like one that does not exist (I12). */
export async function getSituation(db: Db, companyId: string, runId: string): Promise<RunSituation> {
  const found = await findSituation(db, runId);
  if (found === undefined || found.run.companyId !== companyId) throw invalid("run_not_found", `no run ${runId}`, { status: 404 });
  return found;
}

/**
 * Carries a decision out on the run's row: compare-and-set on the version it was made from. Entering another phase sets
 * that phase's deadline and forgets the step's claim. Throws `stale` when something happened in between: decide again.
 */
export async function moveRun(db: Db, run: Run, to: RunPhase, patch: { readonly [K in keyof Run]?: Run[K] | SQL } = {}): Promise<Run> {
  const set = new Assignments().set("version", sql`version + 1`).set("due_at", sql`null`);
  if (to !== run.phase) {
    set
      .set("phase", sql`${to}`)
      .set("overdue", sql`false`)
      .set("deadline", to === "ended" ? sql`null` : inMs(phaseTime(to, run.request)))
      .set("claim_owner", sql`null`)
      .set("claim_token", sql`null`)
      .set("claim_until", sql`null`)
      .set("step_after", sql`null`)
      .set("attempt", sql`0`);
    if (to === "ended") set.set("ended_at", sql`clock_timestamp()`);
  }
  set.patch(runs, patch);
  const [row] = await rowsOf(db, sql`update runs set ${set.sql} where id = ${run.id} and version = ${run.version} and phase = ${run.phase} returning ${columnsOf(runs)}`);
  if (row === undefined) throw stale("run_moved_on", `run ${run.id} has moved on from version ${run.version}`);
  return decode(runs, row);
}

/** Notes that a run has nothing to decide for now, unless something happened since it was read. */
export async function restRun(db: Db, run: Run): Promise<void> {
  await rowsOf(db, sql`update runs set due_at = null where id = ${run.id} and version = ${run.version} and due_at is not null`);
}

/** Asks for a run to be cancelled. The first asking counts; a run that has ended stays as it is. */
export async function requestCancel(db: Db, companyId: string, runId: string): Promise<Run> {
  const [row] = await rowsOf(
    db,
    sql`update runs set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()), due_at = clock_timestamp(), version = version + 1
        where id = ${runId} and company_id = ${companyId} and phase <> 'ended' returning ${columnsOf(runs)}`,
  );
  if (row !== undefined) return decode(runs, row);
  return (await getSituation(db, companyId, runId)).run;
}

/** Claims a run's current step for one worker: offer + 1. Null when the run is not in that phase, somebody alive is at it, or it is to wait. */
export async function claimStep(db: Db, runId: string, phase: RunPhase, claim: Claim): Promise<Run | null> {
  const [row] = await rowsOf(
    db,
    sql`update runs set claim_owner = ${claim.owner}, claim_token = ${claim.token}, claim_until = ${inMs(timing.claim)}, due_at = ${inMs(timing.claim)},
          offer = offer + 1, attempt = attempt + 1
        where id = ${runId} and phase = ${phase} and (claim_until is null or claim_until < clock_timestamp())
          and (step_after is null or step_after <= clock_timestamp()) returning ${columnsOf(runs)}`,
  );
  return row === undefined ? null : decode(runs, row);
}

/** Extends a live claim on a step. False when it is not mine any more. */
export async function extendStepClaim(db: Db, runId: string, claim: Claim): Promise<boolean> {
  const rows = await rowsOf(
    db,
    sql`update runs set claim_until = ${inMs(timing.claim)}, due_at = ${inMs(timing.claim)}
        where id = ${runId} and claim_token = ${claim.token} and claim_until > clock_timestamp() returning id`,
  );
  return rows.length > 0;
}

/** What became of a step's attempt. */
export type StepEnd =
  | { readonly kind: "realized" }
  | { readonly kind: "failed"; readonly code: string; readonly message: string }
  /** Tried again after this many milliseconds. */
  | { readonly kind: "again"; readonly afterMs: number };

/** Writes a step's end down and gives its claim back, if the claim is still alive. False when it is not. */
export async function endStep(db: Db, run: Run, claim: Claim, end: StepEnd): Promise<boolean> {
  const set = new Assignments()
    .set("claim_owner", sql`null`)
    .set("claim_token", sql`null`)
    .set("claim_until", sql`null`)
    .set("version", sql`version + 1`)
    .set("due_at", end.kind === "again" ? inMs(end.afterMs) : sql`clock_timestamp()`);
  if (end.kind === "again") set.set("step_after", inMs(end.afterMs));
  if (end.kind === "realized") set.set("realized_at", sql`clock_timestamp()`);
  if (end.kind === "failed") set.patch(runs, { stepFailure: { code: end.code, message: end.message } });
  const rows = await rowsOf(
    db,
    sql`update runs set ${set.sql} where id = ${run.id} and claim_token = ${claim.token} and claim_until > clock_timestamp() returning id`,
  );
  return rows.length > 0;
}
