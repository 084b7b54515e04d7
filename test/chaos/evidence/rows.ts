import { sql } from "drizzle-orm";
import type { Db } from "../../../src/db/client.ts";
import { rowsOf } from "../../../src/db/rows.ts";
import { readOutput } from "../../../src/db/output.ts";
import type { StreamName } from "../../../src/domain/execution.ts";
import type { ActivityRow, EventRow, ExecutionRow, LeaseRow, RunRow } from "./evidence.ts";

/** The rows as they are, in the words of the checks. */
export async function readRows(db: Db): Promise<{ runs: RunRow[]; leases: LeaseRow[]; events: EventRow[]; executions: ExecutionRow[]; activity: ActivityRow[] }> {
  const ms = (column: string) => sql.raw(`(extract(epoch from ${column}) * 1000)::float8`);
  const runs = await rowsOf(
    db,
    sql`select id, company_id as company, idempotency_key as key, phase, outcome, lease_id as lease, ${ms("created_at")} as "createdAt", ${ms("ended_at")} as "endedAt",
        ${ms("cancel_requested_at")} as "cancelAskedAt" from runs order by id`,
  );
  const leases = await rowsOf(
    db,
    sql`select id, company_id as company, environment_id as environment, heartbeat_run_id as run, backend, resource_key as key, status as state, ending, fence, ${ms("requested_at")} as "requestedAt",
        ${ms("acquired_at")} as "acquiredAt", max_life_ms::float8 as "maxLifeMs", ${ms("releasing_since")} as "releasingSince", ${ms("released_at")} as "releasedAt", failure_reason as "failureReason"
        from environment_leases order by id`,
  );
  const events = await rowsOf(db, sql`select lease_id as lease, event, from_state as "from", to_state as "to", fence, ${ms("at")} as at from lease_events order by lease_id, lease_events.at, id`);
  const executions = await rowsOf(
    db,
    sql`select id, company_id as company, lease_id as lease, run_id as run, ordinal, idempotency_key as key, state, offer, outcome, kill_reason as "killReason", killed, timeout_ms::float8 as "timeoutMs",
        stdout_bytes::float8 as "stdoutBytes", stderr_bytes::float8 as "stderrBytes", stdout_dropped::float8 as "stdoutDropped", stderr_dropped::float8 as "stderrDropped", output_complete as "outputComplete",
        ${ms("started_at")} as "startedAt", ${ms("kill_asked_at")} as "killAskedAt", ${ms("finished_at")} as "finishedAt" from executions order by id`,
  );
  const activity = await rowsOf(db, sql`select company_id as company, action, entity_id as entity from activity_log order by id`);
  return { runs: runs as never, leases: leases as never, events: events as never, executions: executions as never, activity: activity as never };
}

export async function readWhole(db: Db, executionId: string, stream: StreamName): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const bytes = await readOutput(db, executionId, stream, at);
    if (bytes.length === 0) return Buffer.concat(pieces);
    pieces.push(bytes);
    at += bytes.length;
  }
}
