import { sql, type SQL } from "drizzle-orm";
import { pools, timing } from "../domain/defaults.ts";
import type { Db } from "./client.ts";
import type { Lease } from "./leases.ts";
import { isDrainingSql } from "./hosts.ts";
import { columnsOf, decode, rowsOf } from "./rows.ts";
import { environmentKeySql, hostKeySql, leases, nobodySql, ownsSlotSql } from "./schema.ts";

/**
 * Who is next at a backend.
 *
 * Companies take turns: of those with a lease that can be taken, the one whose last turn is longest ago. Of a company's
 * environments, the one whose first lease comes first; within each, higher priority first, then first come, first served.
 * A lease that was yielded because its provider is full keeps its place in that order, and who stands behind it waits too.
 * An environment or a company whose places are all taken is passed over as a whole: what that costs follows the number of
 * companies and environments that wait, not of leases.
 */

/** Which leases an acquire worker can serve. */
export interface AcquireScope {
  readonly backend: string;
  /** The worker's machine. While it drains, nothing new is taken for it. */
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

/** The lease that was next when it was looked for. Nothing is locked: whoever takes it says what it saw. */
export interface NextLease {
  readonly lease: Lease;
  /** Its company's last turn here; null when it never had one. */
  readonly turn: string | null;
  /** Whether places of its environment or its company are counted: then its turn is only certain under their locks. */
  readonly limited: boolean;
}

const hostOf = (scope: Pick<AcquireScope, "host" | "bound">): SQL => (scope.bound ? sql`${scope.host}::uuid` : nobodySql);

const waits = (scope: AcquireScope): SQL => sql`l.backend = ${scope.backend} and ${hostKeySql} = ${hostOf(scope)} and l.status = 'requested'`;

/** Nothing new is taken for a machine that drains; what is bound to it is its own. */
const takesNew = (scope: AcquireScope): SQL => (scope.bound ? sql`true` : sql`not ${isDrainingSql(sql`${scope.host}::uuid`)}`);

const inOrder = sql`l.priority desc, l.requested_at, l.id`;

const isFree = (max: SQL, whose: SQL): SQL => sql`(${max} is null or (select count(*) from environment_leases where ${whose} and ${ownsSlotSql}) < ${max})`;

/** Each of the values that an indexed column has among `where`, ascending, at the cost of one probe each; null comes last. */
const distinct = (name: SQL, column: SQL, where: SQL): SQL => sql`${name} (key) as (
    (select ${column} from environment_leases l where ${where} order by ${column} limit 1)
    union all
    select (select ${column} from environment_leases l where ${where} and ${column} > ${name}.key order by ${column} limit 1) from ${name} where ${name}.key is not null
  )`;

/** An acquire that was begun and is at a standstill: its claimer is silent, or its next attempt is due. It has its place already. */
export async function nextBegun(db: Db, scope: AcquireScope): Promise<Lease | null> {
  const [row] = await rowsOf(
    db,
    sql`select ${columnsOf(leases, "l")} from environment_leases l where l.backend = ${scope.backend} and ${hostKeySql} = ${hostOf(scope)} and l.status = 'acquiring' and ${takesNew(scope)}
          and coalesce(l.due_at, l.requested_at) <= (select clock_timestamp())
          and (l.claim_until is null or l.claim_until < clock_timestamp() - make_interval(secs => ${scope.lapseMs / 1000}))
        order by coalesce(l.due_at, l.requested_at) limit 1`,
  );
  return row === undefined ? null : decode(leases, row);
}

/**
 * How many leases of a company's here wait for a worker on their way from active to a started command, or back: their run is
 * to be decided about, their command to be started, their place to be given back. What somebody is at does not count, however
 * long a provider takes; nor what was tried and failed, which waits for itself.
 */
const onTheirWay = (scope: AcquireScope, company: SQL): SQL => {
  const here = sql`l.backend = ${scope.backend} and ${hostKeySql} = ${scope.binds ? sql`${scope.host}::uuid` : nobodySql}`;
  return sql`((select count(*) from runs r join environment_leases l on l.id = r.lease_id
        where r.company_id = ${company} and r.phase in ('acquiring', 'realizing') and r.due_at is not null and r.attempt = 0 and r.claim_token is null and l.status = 'active' and ${here})
    + (select count(*) from executions x join environment_leases l on l.id = x.lease_id
        where x.company_id = ${company} and x.state in ('created', 'starting') and x.offer = 0 and ${here})
    + (select count(*) from environment_leases l where l.company_id = ${company} and l.status = 'releasing' and l.attempt = 0 and ${here}))`;
};

/** So many a company may have: some for each worker that could start them. */
const mostOnTheirWay = ({ backend, binds, host }: AcquireScope): SQL => sql`(select ${pools.onTheirWay}::int * greatest(1, count(*)) from workers v
    where ${backend} = any(v.backends) and v.beat_at > clock_timestamp() - make_interval(secs => ${timing.workerLife / 1000}) ${binds ? sql`and v.host = ${host}` : sql``})`;

/** The next lease of all that wait. Null when none can be taken. */
export async function nextWaiting(db: Db, scope: AcquireScope): Promise<NextLease | null> {
  const [row] = await rowsOf(
    db,
    sql`with recursive ${distinct(sql`companies_waiting`, sql`l.company_id`, waits(scope))}
        select ${columnsOf(leases, "w")}, c.turn, (c.max_leases is not null or next.max_leases is not null) as limited
        from (
          select k.id, k.max_leases, t.turn from companies_waiting join companies k on k.id = companies_waiting.key
          left join acquire_turns t on t.backend = ${scope.backend} and t.company_id = k.id
          where ${takesNew(scope)} and ${onTheirWay(scope, sql`k.id`)} < ${mostOnTheirWay(scope)}
          order by coalesce(t.turn, 0), k.id
        ) c cross join lateral (
          with recursive ${distinct(sql`places`, environmentKeySql, sql`${waits(scope)} and l.company_id = c.id`)}
          select first.id, e.max_leases
          from places left join environments e on e.id = places.key
          cross join lateral (
            select l.id, l.priority, l.requested_at, l.due_at, l.fence from environment_leases l
            where ${waits(scope)} and l.company_id = c.id and ${environmentKeySql} = places.key order by ${inOrder} limit 1
          ) first
          where (first.due_at is null or first.due_at <= clock_timestamp()) and (first.fence > 0
            or ${isFree(sql`e.max_leases`, sql`environment_id = e.id`)} and ${isFree(sql`c.max_leases`, sql`company_id = c.id`)})
          order by first.priority desc, first.requested_at, first.id limit 1
        ) next join environment_leases w on w.id = next.id
        order by coalesce(c.turn, 0), c.id limit 1`,
  );
  if (row === undefined) return null;
  const turn = row["turn"];
  return { lease: decode(leases, row), turn: typeof turn === "string" || typeof turn === "number" ? String(turn) : null, limited: row["limited"] === true };
}

/**
 * Locks what counts a lease's places, its company and then its environment, as far as they count any, until the transaction
 * ends. There is no counter to leak: of many workers at once each counts what those before it have taken. Whether one is free.
 */
export async function lockPlaces(tx: Db, lease: Lease): Promise<boolean> {
  for (const [table, id, column] of [
    [sql`companies`, lease.companyId, sql`company_id`],
    [sql`environments`, lease.environmentId, sql`environment_id`],
  ] as const) {
    if (id === null) continue;
    const [counted] = await rowsOf(tx, sql`select max_leases as max from ${table} where id = ${id} and max_leases is not null for no key update`);
    if (counted === undefined) continue;
    const [{ used } = { used: 0 }] = await rowsOf(tx, sql`select count(*)::int as used from environment_leases where ${column} = ${id} and ${ownsSlotSql}`);
    if (Number(used) >= Number(counted["max"])) return false;
  }
  return true;
}

/** Whether a lease is the first of those that wait for its environment. */
export async function isFirst(db: Db, scope: AcquireScope, lease: Lease): Promise<boolean> {
  const [first] = await rowsOf(
    db,
    sql`select l.id from environment_leases l where ${waits(scope)} and l.company_id = ${lease.companyId}
        and ${environmentKeySql} = coalesce(${lease.environmentId}::uuid, ${nobodySql}) order by ${inOrder} limit 1`,
  );
  return first?.["id"] === lease.id;
}

/** Where a lease stands: how many wait before it for the same environment, and how many places that and its company have taken. */
export interface QueuePosition {
  readonly ahead: number;
  readonly environment: { readonly name: string; readonly used: number; readonly maxLeases: number | null };
  readonly company: { readonly used: number; readonly maxLeases: number | null };
}

export async function queuePosition(db: Db, lease: Lease): Promise<QueuePosition> {
  const [row] = await rowsOf(
    db,
    sql`select e.name, e.max_leases as most, k.max_leases as company_most,
          (select count(*)::int from environment_leases o where o.environment_id = e.id and ${ownsSlotSql}) as used,
          (select count(*)::int from environment_leases o where o.company_id = k.id and ${ownsSlotSql}) as company_used,
          (select count(*)::int from environment_leases l where l.backend = w.backend and l.status = 'requested' and ${hostKeySql} = coalesce(w.host, ${nobodySql})
             and l.company_id = w.company_id and ${environmentKeySql} = coalesce(w.environment_id, ${nobodySql})
             and (-l.priority, l.requested_at, l.id) < (-w.priority, w.requested_at, w.id)) as ahead
        from environment_leases w join companies k on k.id = w.company_id left join environments e on e.id = w.environment_id where w.id = ${lease.id}`,
  );
  const max = (value: unknown): number | null => (typeof value === "number" ? value : null);
  return {
    ahead: Number(row?.["ahead"] ?? 0),
    environment: { name: typeof row?.["name"] === "string" ? row["name"] : "?", used: Number(row?.["used"] ?? 0), maxLeases: max(row?.["most"]) },
    company: { used: Number(row?.["company_used"] ?? 0), maxLeases: max(row?.["company_most"]) },
  };
}
