import { sql, type SQL } from "drizzle-orm";
import { limits, timing } from "../domain/defaults.ts";
import type { Db } from "./client.ts";
import { isSilentSql } from "./hosts.ts";
import type { Lease } from "./leases.ts";
import { deadlinesHold } from "./installation.ts";
import { columnsOf, decode, rowsOf, textOrNull } from "./rows.ts";
import { hostKeySql, leases, nobodySql } from "./schema.ts";
import type { Served } from "./workers.ts";

/**
 * What the reaper looks for. Every query takes a batch in the order in which rows became due, skips what another reaper
 * holds, and has an index of its own: the cost follows what is due, not what there is.
 */

const batch = sql.raw(String(limits.sweepBatch));
const purgeBatch = sql.raw(String(limits.purgeBatch));

/** The database's clock, asked once per statement: what changes from row to row cannot bound the scan of an index. */
const now = sql`(select clock_timestamp())`;
const at = (ms: number): SQL => sql`(select clock_timestamp() + make_interval(secs => ${ms / 1000}))`;

/** Runs that want a decision: each is looked at again later, in case the bell is lost too. */
export async function takeDueRuns(db: Db): Promise<{ id: string; version: number }[]> {
  const rows = await rowsOf(
    db,
    sql`update runs set due_at = ${at(timing.ringAgain)} where id = any(array(
          select id from runs where due_at is not null and (phase <> 'accepted' or overdue or cancel_requested_at is not null) and due_at <= ${now}
            order by due_at limit ${batch} for update skip locked
        )) returning id, version`,
  );
  return rows.map((r) => ({ id: String(r["id"]), version: Number(r["version"]) }));
}

/**
 * Of each company's accepted runs, the oldest that want their first decision, with their place among them. Those behind are
 * rung for when they are the oldest: else thousands that wait in the queue as they should would be rung for every few seconds.
 */
export async function takeDueAccepted(db: Db): Promise<{ id: string; rank: number }[]> {
  const rows = await rowsOf(
    db,
    sql`with recursive waiting (company_id) as (
          (select company_id from runs where phase = 'accepted' order by company_id limit 1)
          union all
          select (select r.company_id from runs r where r.phase = 'accepted' and r.company_id > waiting.company_id order by r.company_id limit 1) from waiting
          where waiting.company_id is not null
        ), ranked as materialized (
          select oldest.id, oldest.due_at, (row_number() over (partition by waiting.company_id order by oldest.id))::int as rank from waiting cross join lateral (
            select r.id, r.due_at from runs r where r.company_id = waiting.company_id and r.phase = 'accepted' order by r.id limit ${sql.raw(String(limits.runsRung))}
          ) oldest
        ), due as (
          select r.id from runs r where r.id = any(array(select id from ranked where due_at <= ${now})) and r.phase = 'accepted' for update skip locked
        )
        update runs set due_at = ${at(timing.ringAgain)} from ranked where runs.id = ranked.id and runs.id = any(array(select id from due)) returning runs.id, ranked.rank`,
  );
  return rows.map((r) => ({ id: String(r["id"]), rank: Number(r["rank"]) }));
}

/** Runs whose phase's time is over become overdue, and due. */
export async function markOverdueRuns(db: Db): Promise<number> {
  const rows = await rowsOf(
    db,
    sql`update runs set overdue = true, deadline = null, due_at = ${now}, version = version + 1 where id = any(array(
          select id from runs where deadline is not null and deadline <= ${now} and ${deadlinesHold} order by deadline limit ${batch} for update skip locked
        )) returning id`,
  );
  return rows.length;
}

/** Where a bell has to be rung: queues of a backend, bound to a host or not. */
export interface DueStep {
  readonly id: string;
  readonly backend: string;
  readonly host: string | null;
  readonly offer: number;
}

const step = (r: Record<string, unknown>): DueStep => ({
  id: String(r["id"]),
  backend: String(r["backend"]),
  host: textOrNull(r["host"]),
  offer: Number(r["offer"]),
});

/** Leases to be released that nobody is at: lost bells, lapsed claims, retries whose time has come. */
export async function takeDueReleases(db: Db): Promise<DueStep[]> {
  const rows = await rowsOf(
    db,
    sql`update environment_leases set due_at = ${at(timing.ringAgain)} where id = any(array(
          select id from environment_leases where status = 'releasing' and due_at <= ${now}
            and (claim_until is null or claim_until < ${now})
          order by due_at limit ${batch} for update skip locked
        )) returning id, backend, host, fence + attempt as offer`,
  );
  return rows.map(step);
}

/** Executions that nobody is at: never claimed, or their claimer is silent. */
export async function takeDueExecutions(db: Db): Promise<DueStep[]> {
  const rows = await rowsOf(
    db,
    sql`update executions x set due_at = ${at(timing.ringAgain)} from environment_leases l
        where l.id = x.lease_id and x.id = any(array(
          select id from executions where due_at is not null and due_at <= ${now}
            and (claim_until is null or claim_until < ${now})
          order by due_at limit ${batch} for update skip locked
        )) returning x.id, l.backend, l.host, x.offer`,
  );
  return rows.map(step);
}

/** Backends and hosts for which a lease waits to be acquired and could be claimed now. */
export async function waitingAcquires(db: Db, served: readonly Served[]): Promise<{ backend: string; host: string | null }[]> {
  const places = new Map<string, { backend: string; host: string | null }>();
  for (const { backend, host, draining } of served) {
    // Who drains takes nothing new, but goes on with what is bound to it.
    if (!draining) places.set(backend, { backend, host: null });
    places.set(`${backend}@${host}`, { backend, host });
  }
  if (places.size === 0) return [];
  const list = sql.join([...places.values()].map((p) => sql`(${p.backend}::text, ${p.host}::uuid)`), sql`, `);
  const rows = await rowsOf(
    db,
    sql`select backend, host from (values ${list}) as p (backend, host) where exists (
          select 1 from environment_leases l where l.backend = p.backend and ${hostKeySql} = coalesce(p.host, ${nobodySql}) and l.status = 'requested'
            and (l.due_at is null or l.due_at <= ${now}))
          or exists (
          select 1 from environment_leases l where l.backend = p.backend and ${hostKeySql} = coalesce(p.host, ${nobodySql}) and l.status = 'acquiring'
            and coalesce(l.due_at, l.requested_at) <= ${now} and (l.claim_until is null or l.claim_until < ${now}))`,
  );
  return rows.map((r) => ({ backend: String(r["backend"]), host: textOrNull(r["host"]) }));
}

const leasesWhere = async (db: Db, where: SQL, order: SQL): Promise<Lease[]> =>
  (await rowsOf(db, sql`select ${columnsOf(leases)} from environment_leases where ${where} order by ${order} limit ${batch}`)).map((r) => decode(leases, r));

/** Active and retained leases whose time is over. */
export const expiredLeases = (db: Db): Promise<Lease[]> =>
  leasesWhere(db, sql`status in ('active', 'retained') and expires_at <= ${now}`, sql`expires_at`);

/** Leases that waited too long for a slot or a worker. */
export const unqueuedLeases = (db: Db): Promise<Lease[]> =>
  leasesWhere(db, sql`status = 'requested' and queue_deadline <= ${now}`, sql`queue_deadline`);

/** Leases whose acquire took too long. */
export const unacquiredLeases = (db: Db): Promise<Lease[]> =>
  leasesWhere(db, sql`status = 'acquiring' and acquire_deadline <= ${now}`, sql`acquire_deadline`);

/**
 * Leases that nobody came to release, and why: `host_lost` when only a host could that is silent, `not_served` when no living
 * worker that could serves the backend, `not_released` when there is one and it did not manage.
 */
export async function abandonedReleases(db: Db): Promise<{ lease: Lease; why: string }[]> {
  const rows = await rowsOf(
    db,
    sql`select ${columnsOf(leases, "l")}, case
          when l.host is not null and ${isSilentSql(sql`l.host`)} then 'host_lost'
          when not exists (select 1 from workers w where l.backend = any(w.backends) and (l.host is null or w.host = l.host) and w.beat_at > ${at(-timing.workerLife)}) then 'not_served'
          else 'not_released' end as why
        from environment_leases l
        where l.status = 'releasing' and l.releasing_since <= ${at(-timing.releaseWait)} and (l.claim_until is null or l.claim_until < ${now})
          and (select calm_until <= ${at(-timing.claim)} from installation)
        order by l.releasing_since limit ${batch}`,
  );
  return rows.map((row) => ({ lease: decode(leases, row), why: String(row["why"]) }));
}

/** Stuck leases whose next try has come: the daily one, or because who can clean up is back. */
export const stuckLeases = (db: Db): Promise<Lease[]> => leasesWhere(db, sql`status = 'stuck' and due_at <= ${now}`, sql`due_at`);

/**
 * Renews leases whose run waits for somebody to take its step or its execution: nobody else can. Once a command may be
 * running, only who sees it alive renews.
 *
 * Runs only. A run is a row that wants its end whoever lives; the holder of an ad-hoc lease is a client, and its renewals
 * are all that tells of it. Renewing for an execution that nobody has taken up would keep the lease of a dead client for
 * as long as no worker comes. A holder that still wants it renews while it waits; else the lease expires and the
 * execution, which never started, ends as `lease_ended`.
 */
export async function renewWaiting(db: Db): Promise<number> {
  const rows = await rowsOf(
    db,
    sql`update environment_leases l set expires_at = least(${at(timing.leaseLife)}, l.max_expires_at)
        where l.id = any(array(
          select w.id from environment_leases w join runs r on r.id = w.heartbeat_run_id
          where w.status = 'active' and w.expires_at < ${at(timing.leaseLife - timing.leaseRenew)} and w.expires_at < w.max_expires_at and not r.overdue
            and (r.phase in ('acquiring', 'realizing', 'harvesting')
              or r.phase = 'executing' and exists (select 1 from executions x where x.run_id = r.id and x.state = 'created'))
          order by w.id for update of w skip locked
        )) returning l.id`,
  );
  return rows.length;
}

/** How many rows a purge deleted. */
export interface Purged {
  runs: number;
  leases: number;
  activity: number;
}

/** Deletes a batch of what ended long ago: runs with their executions and output, then leases with their events. */
export async function purgeEnded(db: Db, olderThanMs: number): Promise<Purged> {
  const runs = await rowsOf(
    db,
    sql`delete from runs where id = any(array(select id from runs where ended_at < ${at(-olderThanMs)} order by ended_at limit ${purgeBatch} for update skip locked)) returning id`,
  );
  const ended = await rowsOf(
    db,
    // The oldest first, and of those whatever no run names any more: a run ends after its lease and goes before it.
    sql`with old as materialized (
          select id from environment_leases where released_at < ${at(-olderThanMs)} order by released_at limit ${purgeBatch} for update skip locked
        )
        delete from environment_leases l using old where l.id = old.id and not exists (select 1 from runs r where r.lease_id = old.id) returning l.id`,
  );
  const activity = await rowsOf(
    db,
    sql`delete from activity_log where id = any(array(select id from activity_log where at < ${at(-olderThanMs)} order by at limit ${batch} for update skip locked)) returning id`,
  );
  return { runs: runs.length, leases: ended.length, activity: activity.length };
}
