import { sql } from "drizzle-orm";
import { timing } from "../domain/defaults.ts";
import type { Db } from "./client.ts";
import { isDrainingSql } from "./hosts.ts";
import { decode, inMs, rowsOf } from "./rows.ts";
import { workers } from "./schema.ts";

/** A worker process as it reports itself. */
export type WorkerRow = typeof workers.$inferInsert;

/** SQL for "worker `w` lives". */
const isLiving = sql`w.beat_at > ${inMs(-timing.workerLife)}`;

/** What a worker hears back when it reports itself. */
export interface Word {
  /** Its host is to be given no new leases. */
  readonly draining: boolean;
  /** Backends that are served elsewhere too, on hosts that do not drain. */
  readonly elsewhere: readonly string[];
}

/**
 * Says that this worker lives and what it serves, and so that its host does. In the same statement, stuck leases that only
 * waited for somebody like it become due: who comes back cleans up at once, not with the next daily try.
 */
export async function beatWorker(db: Db, row: WorkerRow): Promise<Word> {
  const backends = sql`${sql.param(row.backends, workers.backends)}::text[]`;
  const now = sql`(select clock_timestamp())`;
  const [word] = await rowsOf(
    db,
    sql`with worker as (
          insert into workers (id, host, host_name, pid, version, backends)
          values (${row.id}, ${row.host}, ${row.hostName}, ${row.pid}, ${row.version}, ${backends})
          on conflict (id) do update set beat_at = clock_timestamp(), backends = excluded.backends
        ), here as (
          insert into hosts (id, name, backends) values (${row.host}, ${row.hostName}, array(select distinct b from unnest(${backends}) b order by b))
          on conflict (id) do update set beat_at = clock_timestamp(), name = excluded.name,
            backends = array(select distinct b from unnest(hosts.backends || excluded.backends) b order by b)
          returning draining_at
        ), again as (
          update environment_leases set due_at = ${now} where id = any(array(
            select id from environment_leases where status = 'stuck' and due_at > ${now}
              and failure_reason in ('host_lost', 'not_served') and backend = any(${backends}) and (host = ${row.host} or host is null)
            order by id for update skip locked
          ))
        )
        select draining_at is not null as draining, to_json(array(
          select distinct b from workers w, unnest(w.backends) b
          where w.host <> ${row.host} and ${isLiving} and not ${isDrainingSql(sql`w.host`)} order by b
        )) as elsewhere from here`,
  );
  return { draining: word?.["draining"] === true, elsewhere: (word?.["elsewhere"] as string[] | undefined) ?? [] };
}

/** Says that this worker has left. */
export async function removeWorker(db: Db, id: string): Promise<void> {
  await rowsOf(db, sql`delete from workers where id = ${id}`);
}

/** Living workers' backends and hosts. */
export interface Served {
  readonly backend: string;
  readonly host: string;
  /** The host is given no new leases. */
  readonly draining: boolean;
}

export async function livingBackends(db: Db): Promise<Served[]> {
  const rows = await rowsOf(
    db,
    sql`select distinct b as backend, host, ${isDrainingSql(sql`w.host`)} as draining from workers w, unnest(backends) b where ${isLiving}`,
  );
  return rows.map((r) => ({ backend: String(r["backend"]), host: String(r["host"]), draining: r["draining"] === true }));
}

/** Living workers of a host that began before the given one. */
export async function olderWorkers(db: Db, host: string, id: string): Promise<{ id: string; hostName: string; pid: number; beatAt: Date }[]> {
  const rows = await rowsOf(
    db,
    sql`select w.* from workers w where w.host = ${host} and ${isLiving}
          and (w.started_at, w.id) < (select me.started_at, me.id from workers me where me.id = ${id})`,
  );
  return rows.map((r) => decode(workers, r));
}

/** Ids of all workers of a host that are known, living or not. */
export async function knownWorkers(db: Db, host: string): Promise<string[]> {
  return (await rowsOf(db, sql`select id from workers where host = ${host}`)).map((r) => String(r["id"]));
}

/** Which of `backends` no living worker serves. */
export async function unserved(db: Db, backends: readonly string[]): Promise<string[]> {
  const rows = await rowsOf(
    db,
    sql`select b from unnest(${sql.param(`{${backends.join(",")}}`)}::text[]) b
        where not exists (select 1 from workers w where b = any(w.backends) and ${isLiving})`,
  );
  return rows.map((r) => String(r["b"]));
}

/** Forgets workers that have been silent for long. */
export async function purgeWorkers(db: Db): Promise<void> {
  await rowsOf(db, sql`delete from workers where beat_at < ${inMs(-10 * timing.workerLife)}`);
}
