import { and, desc, eq, getTableColumns, lt, ne, type InferSelectModel, type SQL, sql } from "drizzle-orm";
import type { Claim } from "../domain/claim.ts";
import { timing } from "../domain/defaults.ts";
import { invalid, stale, transient } from "../domain/errors.ts";
import { type ExecutionEvent, executionRules, type ExecutionState, nextExecution, type StreamSizes } from "../domain/execution.ts";
import { type KillReason, type Outcome, outcomeBeforeStart } from "../domain/outcome.ts";
import type { CommandInput } from "../domain/request.ts";
import type { Db } from "./client.ts";
import { Assignments, decode, inMs, rowsOf } from "./rows.ts";
import { executions } from "./schema.ts";
import { wakeRunSql, wakeRunsSql } from "./wake.ts";

/** An execution without what may be a megabyte, may be secret and matters only to whoever starts or follows the command. */
export type Execution = Omit<InferSelectModel<typeof executions>, "input" | "redaction" | "redactionKey">;

type Whole = InferSelectModel<typeof executions>;

const { input: _input, redaction: _redaction, redactionKey: _redactionKey, ...columns } = getTableColumns(executions);
/** What is read of an execution wherever one is read. */
export const executionColumns = columns;
const columnList = sql.join(Object.values(columns).map((column) => sql`${sql.identifier(column.name)}`), sql`, `);

export async function insertExecution(db: Db, row: typeof executions.$inferInsert): Promise<Execution> {
  const [made] = await db.insert(executions).values({ ...row, dueAt: sql`${inMs(timing.ringAgain)}` as never }).returning(executionColumns);
  if (made === undefined) throw new Error("insert of an execution gave no row");
  return made;
}

export async function findExecution(db: Db, id: string): Promise<Execution | undefined> {
  const [row] = await db.select(executionColumns).from(executions).where(eq(executions.id, id));
  return row;
}

/** A company's execution; another company's looks like one that does not exist (I12). */
export async function getExecution(db: Db, companyId: string, id: string): Promise<Execution> {
  const row = await findExecution(db, id);
  if (row === undefined || row.companyId !== companyId) throw invalid("execution_not_found", `no execution ${id}`, { status: 404 });
  return row;
}

/** What an ad-hoc execution's command is given; undefined once it has ended. */
export async function findInput(db: Db, id: string): Promise<CommandInput | undefined> {
  const [row] = await db.select({ input: executions.input }).from(executions).where(eq(executions.id, id));
  return row?.input ?? undefined;
}

/** What is looked for in an execution's output, as it is sealed, and under which key; undefined once it has ended, or when there is nothing. */
export async function findRedaction(db: Db, id: string): Promise<{ sealed: Buffer; keyId: string } | undefined> {
  const [row] = await db.select({ sealed: executions.redaction, keyId: executions.redactionKey }).from(executions).where(eq(executions.id, id));
  return row?.sealed == null || row.keyId === null ? undefined : { sealed: row.sealed, keyId: row.keyId };
}

/** A page of a lease's executions, newest first. */
export async function listExecutions(db: Db, leaseId: string, page: { before?: string; limit: number }): Promise<Execution[]> {
  return db
    .select(executionColumns)
    .from(executions)
    .where(and(eq(executions.leaseId, leaseId), page.before === undefined ? undefined : lt(executions.id, page.before)))
    .orderBy(desc(executions.id))
    .limit(page.limit);
}

/** A lease's executions that have not ended. */
export async function openExecutions(db: Db, leaseId: string): Promise<Execution[]> {
  return db.select(executionColumns).from(executions).where(and(eq(executions.leaseId, leaseId), ne(executions.state, "final")));
}

/** Claims an execution: offer + 1. Null when it has ended or somebody alive is at it. */
export async function claimExecution(db: Db, id: string, claim: Claim): Promise<Execution | null> {
  const [row] = await rowsOf(
    db,
    sql`update executions set claim_owner = ${claim.owner}, claim_token = ${claim.token}, claim_until = ${inMs(timing.claim)}, due_at = ${inMs(timing.claim)},
          offer = offer + 1, attempt = attempt + 1
        where id = ${id} and state <> 'final' and (claim_until is null or claim_until < clock_timestamp()) returning ${columnList}`,
  );
  return row === undefined ? null : decode(executions, row);
}

/**
 * The one function that changes an execution's state, guarded by state, offer and live claim. What ends it makes its
 * run due in the same statement. Throws `stale` when somebody newer owns the row.
 *
 * `kept`: not unless the row has exactly so many bytes of output. Postgres may have taken some back when it crashed (see
 * output.ts); then this throws `transient`, and whoever attaches next reads them again.
 */
export async function moveExecution(
  db: Db,
  execution: Execution,
  event: Exclude<ExecutionEvent, "claim" | "ask_kill" | "abandon" | "forget">,
  claim: Claim,
  patch: { readonly [K in keyof Whole]?: Whole[K] | SQL } = {},
  kept: StreamSizes | null = null,
): Promise<Execution> {
  const to = nextExecution(execution.state, event);
  if (to === null) throw stale("execution_moved_on", `execution ${execution.id} is ${execution.state}; ${event} has no meaning there`);
  const set = new Assignments().set("state", sql`${to}`);
  if (executionRules[event].claim === "drop") {
    set.set("claim_owner", sql`null`).set("claim_token", sql`null`).set("claim_until", sql`null`);
    set.set("due_at", to === "final" ? sql`null` : sql`clock_timestamp()`);
  }
  if (event === "started") set.set("started_at", sql`coalesce(started_at, clock_timestamp())`);
  if (to === "final") set.set("finished_at", sql`clock_timestamp()`).set("input", sql`null`).set("redaction", sql`null`).set("redaction_key", sql`null`);
  set.patch(executions, patch);
  const [row] = await rowsOf(
    db,
    sql`with moved as (
          update executions set ${set.sql}
          where id = ${execution.id} and state = ${execution.state} and offer = ${execution.offer}
            and claim_token = ${claim.token} and claim_until > clock_timestamp()
            ${kept === null ? sql`` : sql`and stdout_bytes = ${kept.stdout} and stderr_bytes = ${kept.stderr}`} returning ${columnList}
        )${execution.runId === null ? sql`` : runSql(event, to)}
        select * from moved`,
  );
  if (row !== undefined) return decode(executions, row);
  const now = await findExecution(db, execution.id);
  // My own lost answer: nobody else could have brought this offer to that state.
  if (now !== undefined && now.offer === execution.offer && now.state === to && (to === "final" || now.claimToken === claim.token)) return now;
  if (kept !== null && now?.claimToken === claim.token && (now.stdoutBytes !== kept.stdout || now.stderrBytes !== kept.stderr)) {
    throw transient("output_taken_back", `the database has ${now.stdoutBytes} and ${now.stderrBytes} bytes of output of execution ${execution.id}, and had taken ${kept.stdout} and ${kept.stderr}: it crashed`);
  }
  throw stale("execution_moved_on", `execution ${execution.id} is ${now?.state ?? "gone"} with offer ${now?.offer ?? "?"}, not ${execution.state} with ${execution.offer}`);
}

/** What an execution's event does to its run, as one more part of its statement. */
function runSql(event: ExecutionEvent, to: ExecutionState): SQL {
  if (to === "final") return sql`, woken as (${wakeRunSql(sql`(select run_id from moved)`)})`;
  // The command's own time begins now; how long it waited to be started does not count.
  if (event !== "started") return sql``;
  return sql`, begun as (
    update runs r set deadline = clock_timestamp() + make_interval(secs => (m.timeout_ms + ${timing.queueWait}) / 1000.0) from moved m
    where r.id = m.run_id and r.phase = 'executing' and not r.overdue)`;
}

/** Writes down that a command is to be ended. The first reason stays. False when it has ended already. */
export async function askKill(db: Db, id: string, reason: KillReason): Promise<boolean> {
  const rows = await rowsOf(
    db,
    sql`update executions set kill_reason = coalesce(kill_reason, ${reason}), kill_asked_at = coalesce(kill_asked_at, clock_timestamp())
        where id = ${id} and state <> 'final' returning id`,
  );
  return rows.length > 0;
}

/**
 * Ends an execution that nobody is working on and that never got as far as an intent, so that nothing can have been
 * started. False when that is not so.
 */
export async function abandonExecution(db: Db, id: string, reason: KillReason): Promise<boolean> {
  const [row] = await rowsOf(
    db,
    sql`with moved as (
          update executions set state = 'final', outcome = ${JSON.stringify(outcomeBeforeStart(reason))}::jsonb, kill_reason = coalesce(kill_reason, ${reason}),
            output_complete = true, stdout_dropped = 0, stderr_dropped = 0, input = null, redaction = null, redaction_key = null, due_at = null, finished_at = clock_timestamp(),
            claim_owner = null, claim_token = null, claim_until = null
          where id = ${id} and state = 'created' and (claim_until is null or claim_until < clock_timestamp()) returning id, run_id
        ), woken as (${wakeRunSql(sql`(select run_id from moved)`)})
        select id from moved`,
  );
  return row !== undefined;
}

/**
 * Ends the executions of a lease that an operator gave up, whoever has a claim on them, and gives their ids. What nobody had begun
 * to start was not started; of all else it cannot be shown how it ended.
 */
export async function endForgotten(tx: Db, leaseId: string): Promise<string[]> {
  const lost: Outcome = { kind: "lost", message: "an operator gave up its lease" };
  const rows = await rowsOf(
    tx,
    sql`with moved as (
          update executions set state = 'final', outcome = case when state = 'created' then ${JSON.stringify(outcomeBeforeStart("lease_ended"))}::jsonb else ${JSON.stringify(lost)}::jsonb end,
            kill_reason = coalesce(kill_reason, 'lease_ended'), output_complete = (state = 'created'), killed = case when state = 'created' then killed else 'unverified' end,
            stdout_dropped = case when state = 'created' then 0 end, stderr_dropped = case when state = 'created' then 0 end,
            input = null, due_at = null, finished_at = clock_timestamp(), claim_owner = null, claim_token = null, claim_until = null
          where lease_id = ${leaseId} and state <> 'final' returning id, run_id
        ), woken as (${wakeRunsSql(sql`select run_id from moved where run_id is not null`)})
        select id from moved`,
  );
  return rows.map((row) => String(row["id"]));
}

/** Milliseconds since a command was started, by the database's clock; 0 when it was not. */
export async function runningFor(db: Db, id: string): Promise<number> {
  const [row] = await rowsOf(db, sql`select coalesce(extract(epoch from clock_timestamp() - started_at) * 1000, 0)::float8 as ms from executions where id = ${id}`);
  return Number(row?.["ms"] ?? 0);
}

/** Executions on one machine that have not ended, with the run they belong to. */
export async function openExecutionsOnHost(db: Db, host: string): Promise<Execution[]> {
  const rows = await rowsOf(
    db,
    sql`select ${columnList} from executions where state <> 'final' and lease_id in (select id from environment_leases
        where host = ${host} and status in ('active', 'releasing')) order by id`,
  );
  return rows.map((row) => decode(executions, row));
}
