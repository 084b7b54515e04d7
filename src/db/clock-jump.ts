import { sql, type SQL } from "drizzle-orm";
import { timing } from "../domain/defaults.ts";
import type { Db } from "./client.ts";
import { inMs, rowsOf } from "./rows.ts";

/** One look at the database's clock: what it said, and when it was asked and had answered by this process's monotonic clock. Milliseconds. */
export interface ClockReading {
  readonly at: number;
  readonly asked: number;
  readonly answered: number;
  /** When its process, by its monotonic clock, first found the last tick to be of a time that it knows nothing of. */
  readonly strangeSince?: number;
}

/**
 * By how much the database's clock was set forward (or back, negative) between two readings; 0 when they can be explained
 * without. A statement that hung, or a process that was stopped in between, explains as much as it took.
 */
export function jumpBetween(before: ClockReading, after: ClockReading): number {
  const passed = after.at - before.at;
  const least = passed - (after.answered - before.asked);
  const most = passed - (after.asked - before.answered);
  if (least > timing.outage || most < -timing.outage) return (least + most) / 2;
  return 0;
}

/** Whether the clock, as it was read, can have shown `at` between then and `now` of the monotonic clock without having been set. */
export const sameTime = (read: ClockReading, at: number, now: number): boolean =>
  at > read.at - timing.outage && at < read.at + (now - read.asked) + timing.outage;

/**
 * Has the deadlines of all that is open go along with the database's clock, which was set by `jumpMs`. To be called once for
 * each jump, in the transaction that notes it.
 *
 * What was written between the jump and this is of the new time already, and cannot be told from the rest. So nothing here
 * brings an end nearer than it was meant to be: after a step forward what is counted in hours ends later by the step at
 * most, after a step back it is left where it is. What lives by being renewed gets one full life.
 */
export async function followClock(db: Db, jumpMs: number): Promise<void> {
  const by = sql`make_interval(secs => ${jumpMs / 1000})`;
  const moved = (column: string): SQL => sql`${sql.identifier(column)} = ${sql.identifier(column)} + ${by}`;
  // Not `least`, which makes a moment of none.
  const atMost = (value: SQL, limit: SQL): SQL => sql`case when ${value} > ${limit} then ${limit} else ${value} end`;
  const movedUpTo = (column: string, limit: SQL): SQL => sql`${sql.identifier(column)} = ${atMost(sql`${sql.identifier(column)} + ${by}`, limit)}`;
  const cut = (column: string, limit: SQL): SQL => sql`${sql.identifier(column)} = ${atMost(sql`${sql.identifier(column)}`, limit)}`;
  const now = inMs(0);
  const oneLife = inMs(timing.leaseLife);
  const openLease = sql`status in ('requested', 'acquiring', 'active', 'releasing', 'retained', 'stuck')`;
  const statements =
    jumpMs > 0
      ? [
          sql`update environment_leases set ${moved("queue_deadline")}, ${moved("acquire_deadline")}, ${moved("max_expires_at")}, ${movedUpTo("releasing_since", now)},
                expires_at = case status when 'active' then least(expires_at + ${by}, ${oneLife}) else expires_at + ${by} end where ${openLease}`,
          sql`update runs set ${moved("deadline")} where deadline is not null`,
          sql`update executions set ${movedUpTo("started_at", now)} where state <> 'final' and started_at is not null`,
          sql`update workers set ${movedUpTo("beat_at", now)}`,
          sql`update hosts set ${movedUpTo("beat_at", now)}`,
        ]
      : [
          // A claim, a bell to be rung again and a retry would otherwise wait for as long as the clock was set back.
          sql`update environment_leases set ${cut("claim_until", inMs(timing.claim))}, ${moved("due_at")}, ${cut("releasing_since", now)},
                expires_at = case status when 'active' then least(expires_at, ${oneLife}) else expires_at end where ${openLease}`,
          sql`update runs set ${cut("claim_until", inMs(timing.claim))}, ${moved("due_at")}, ${moved("step_after")} where phase <> 'ended'`,
          sql`update executions set ${cut("claim_until", inMs(timing.claim))}, ${moved("due_at")},
                started_at = case when started_at > ${now} then started_at + ${by} else started_at end where state <> 'final'`,
          sql`update workers set ${cut("beat_at", now)}`,
          sql`update hosts set ${cut("beat_at", now)}`,
          sql`update reconcile_endpoints set ${cut("claim_until", inMs(timing.claim))}, ${moved("due_at")}`,
        ];
  for (const statement of statements) await rowsOf(db, statement);
}
