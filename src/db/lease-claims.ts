import { sql, type SQL } from "drizzle-orm";
import type { Claim } from "../domain/claim.ts";
import { timing } from "../domain/defaults.ts";
import { isKind } from "../domain/errors.ts";
import type { Db } from "./client.ts";
import { findLease, type Lease, moveLease } from "./leases.ts";
import { decode, inMs, rowsOf } from "./rows.ts";
import { leases, ownsSlotSql } from "./schema.ts";

/** Which leases an acquire worker can serve. */
export interface AcquireScope {
  readonly backend: string;
  /** The worker's machine. */
  readonly host: string;
  /** Take leases already bound to this host instead of the unbound ones. */
  readonly bound: boolean;
  /** Bind what is taken to this host: the driver's resources live on it. */
  readonly binds: boolean;
  /** Identity of the place where the resource is going to be made; none where it cannot be told. */
  readonly endpoint?: string | null;
  /** A lapsed claim on an acquire under way is respected this much longer, where the driver cannot refuse a late call. */
  readonly lapseMs: number;
}

/**
 * Claims the next lease of a backend that is due: first come, first served per environment, skipping environments that
 * are full. Null when there is none to be had.
 */
export async function claimNextLease(db: Db, scope: AcquireScope, claim: Claim, who: string): Promise<Lease | null> {
  const passed: string[] = [];
  for (;;) {
    const got = await db.transaction((tx) => claimOrNameLimited(tx, scope, passed, claim, who));
    if (got === null || typeof got !== "string") return got;
    const lease = await db.transaction((tx) => claimSlot(tx, scope, got, claim, who));
    if (lease !== null) return lease;
    passed.push(got);
  }
}

/** The claimed lease; or the id of a limited environment whose slot the next one would need; or null when nothing is due. */
async function claimOrNameLimited(tx: Db, scope: AcquireScope, passed: readonly string[], claim: Claim, who: string): Promise<Lease | string | null> {
  const others = passed.length === 0 ? sql`` : sql`and (l.environment_id is null or l.environment_id not in (${sql.join(passed.map((id) => sql`${id}::uuid`), sql`, `)}))`;
  const [row] = await rowsOf(
    tx,
    sql`select l.*, e.max_leases from environment_leases l left join environments e on e.id = l.environment_id
        where ${isDue(scope)} ${others} order by l.requested_at, l.id limit 1 for update of l skip locked`,
  );
  if (row === undefined) return null;
  const lease = decode(leases, row);
  // Which of a limited environment's leases is next can only be said under its lock, and that is taken before any lease's.
  if (lease.fence === 0 && row["max_leases"] !== null && lease.environmentId !== null) return lease.environmentId;
  return take(tx, scope, lease, claim, who);
}

/**
 * Claims the oldest lease that waits for a slot of an environment, if it has one free. The environment's row is the lock
 * under which slots are counted and given: there is no counter to leak, and of many workers at once none is served out
 * of turn. Null when it is full, or nothing waits any more.
 */
async function claimSlot(tx: Db, scope: AcquireScope, environmentId: string, claim: Claim, who: string): Promise<Lease | null> {
  const [environment] = await rowsOf(tx, sql`select max_leases from environments where id = ${environmentId} for no key update`);
  const [{ used } = { used: 0 }] = await rowsOf(
    tx,
    sql`select count(*)::int as used from environment_leases where environment_id = ${environmentId} and ${ownsSlotSql}`,
  );
  const max = environment?.["max_leases"];
  if (typeof max === "number" && Number(used) >= max) return null;
  const waiting = sql`from environment_leases l where ${isDue(scope)} and l.environment_id = ${environmentId} and l.fence = 0`;
  for (;;) {
    // Whoever has the row waits for nobody: it is looked at, or ended. In that case it is not due any more, and the next one is.
    const [row] = await rowsOf(tx, sql`select l.* ${waiting} order by l.requested_at, l.id limit 1 for update of l`);
    if (row !== undefined) return take(tx, scope, decode(leases, row), claim, who);
    const [more] = await rowsOf(tx, sql`select 1 ${waiting} limit 1`);
    if (more === undefined) return null;
  }
}

const isDue = (scope: AcquireScope): SQL => sql`l.backend = ${scope.backend} and l.status in ('requested', 'acquiring')
  and ${scope.bound ? sql`l.host = ${scope.host}` : sql`l.host is null`}
  and (l.due_at is null or l.due_at <= clock_timestamp())
  and (l.claim_until is null or l.claim_until < clock_timestamp() - make_interval(secs => ${scope.lapseMs / 1000}))`;

const take = (tx: Db, scope: AcquireScope, lease: Lease, claim: Claim, who: string): Promise<Lease> =>
  moveLease(
    tx,
    lease,
    {
      event: "claim",
      who,
      claim,
      patch: {
        endpoint: scope.endpoint ?? null,
        ...(scope.binds && lease.host === null ? { host: scope.host } : {}),
        ...(lease.acquireDeadline === null ? { acquireDeadline: inMs(timing.acquireWait) } : {}),
      },
    },
    { inTransaction: true },
  );

/** Claims a lease for its release. Null when it is not there to be released, or somebody alive is at it. */
export async function claimRelease(db: Db, id: string, claim: Claim, who: string): Promise<Lease | null> {
  const lease = await findLease(db, id);
  if (lease?.state !== "releasing") return null;
  try {
    return await moveLease(db, lease, { event: "claim_release", who, claim });
  } catch (error) {
    if (isKind(error, "stale")) return null;
    throw error;
  }
}

/** Whether the lease's environment has a number of slots. */
export async function countsSlots(db: Db, lease: Pick<Lease, "environmentId">): Promise<boolean> {
  if (lease.environmentId === null) return false;
  const rows = await rowsOf(db, sql`select id from environments where id = ${lease.environmentId} and max_leases is not null`);
  return rows.length > 0;
}

/** How many leases wait before this one for the same environment, how many slots that has, and how many are taken. */
export async function queuePosition(db: Db, lease: Lease): Promise<{ ahead: number; used: number; maxLeases: number | null }> {
  const [row] = await rowsOf(
    db,
    sql`select (select count(*)::int from environment_leases o where o.environment_id = ${lease.environmentId} and o.status = 'requested'
                and (o.requested_at, o.id) < (select requested_at, id from environment_leases where id = ${lease.id})) as ahead,
               (select count(*)::int from environment_leases where environment_id = ${lease.environmentId} and ${ownsSlotSql}) as used,
               (select max_leases from environments where id = ${lease.environmentId}) as max_leases`,
  );
  const max = row?.["max_leases"];
  return { ahead: Number(row?.["ahead"] ?? 0), used: Number(row?.["used"] ?? 0), maxLeases: typeof max === "number" ? max : null };
}
