import { sql, type SQL } from "drizzle-orm";
import { limits, timing } from "../domain/defaults.ts";
import { invalid } from "../domain/errors.ts";
import { isId } from "../domain/ids.ts";
import type { Db } from "./client.ts";
import { decode, inMs, rowsOf } from "./rows.ts";
import { hosts, ownsSlotSql } from "./schema.ts";

/** `silent`: nothing of it was heard for `timing.workerLife`, whether or not it is to drain. */
export type HostState = "alive" | "draining" | "silent";

/** A machine and how it stands. Its leases are counted and not named: they are of all companies. */
export interface HostSituation {
  readonly id: string;
  readonly name: string;
  readonly state: HostState;
  /** What its workers serve, or served. */
  readonly backends: readonly string[];
  /** Living ones. */
  readonly workers: number;
  /** Open leases that are bound to it, stuck ones among them. */
  readonly openLeases: number;
  readonly stuckLeases: number;
  readonly drainingAt: Date | null;
  readonly createdAt: Date;
  /** When a worker of it was last heard. */
  readonly seenAt: Date;
}

/** SQL for "this host is given no new leases". */
export const isDrainingSql = (host: SQL): SQL => sql`exists (select 1 from hosts d where d.id = ${host} and d.draining_at is not null)`;

/** SQL for when a host was last heard; its workers of an older version write only their own rows. Null for a host that nobody knows. */
const lastHeard = (host: SQL): SQL =>
  sql`greatest((select h.beat_at from hosts h where h.id = ${host}), (select max(w.beat_at) from workers w where w.host = ${host}))`;

/** SQL for "nothing was heard of this host for `timing.workerLife`". */
export const isSilentSql = (host: SQL): SQL => sql`coalesce(${lastHeard(host)} < ${inMs(-timing.workerLife)}, true)`;

/** A host that is forgotten keeps the number that its machine may come back with: without it the database would look like another. */
const isForgotten = sql`h.witness is not null and h.backends = '{}'`;

/** A page of hosts, the one that is known longest first. */
export const listHosts = (db: Db, page: { after?: string | undefined; limit: number }): Promise<HostSituation[]> =>
  situations(db, page.after === undefined ? sql`true` : sql`h.id > ${page.after}`, page.limit);

/** By id or by name. Throws `invalid`: `host_not_found` (404), or `host_ambiguous` (409) where several have the name. */
export async function getHost(db: Db, idOrName: string): Promise<HostSituation> {
  const found = await situations(db, isId(idOrName) ? sql`h.id = ${idOrName}` : sql`h.name = ${idOrName}`, limits.page);
  const [host] = found;
  if (host === undefined) throw invalid("host_not_found", `no host has the id or name ${idOrName.slice(0, 100)}; see \`leasehold host list\``, { status: 404 });
  if (found.length > 1) {
    const which = found.map((one) => `${one.id} (${one.state})`).join(", ");
    throw invalid("host_ambiguous", `${found.length} hosts have the name ${idOrName}; give the id of one: ${which}`, { status: 409 });
  }
  return host;
}

/** Has a host be given no new leases, or given them again. Saying it twice changes nothing. */
export async function setDraining(db: Db, id: string, draining: boolean): Promise<void> {
  await rowsOf(db, sql`update hosts set draining_at = ${draining ? sql`coalesce(draining_at, clock_timestamp())` : sql`null`} where id = ${id}`);
}

async function situations(db: Db, where: SQL, limit: number): Promise<HostSituation[]> {
  // Open leases are found by indexes that hold no others: what it costs follows them, not the history.
  const rows = await rowsOf(
    db,
    sql`with shown as (select h.* from hosts h where ${where} and not (${isForgotten}) order by h.id limit ${limit}),
        open as (
          select host, status from environment_leases where ${ownsSlotSql} and host is not null
          union all select host, status from environment_leases where status = 'retained' and host is not null
        )
        select s.*, ${lastHeard(sql`s.id`)} as seen_at, ${isSilentSql(sql`s.id`)} as silent,
          (select count(*)::int from workers w where w.host = s.id and w.beat_at > ${inMs(-timing.workerLife)}) as workers,
          count(o.host)::int as open_leases, (count(*) filter (where o.status = 'stuck'))::int as stuck_leases
        from shown s left join open o on o.host = s.id
        group by s.id, s.name, s.backends, s.draining_at, s.witness, s.created_at, s.beat_at order by s.id`,
  );
  return rows.map((row) => {
    const host = decode(hosts, row);
    return {
      id: host.id,
      name: host.name,
      state: row["silent"] === true ? "silent" : host.drainingAt === null ? "alive" : "draining",
      backends: host.backends,
      workers: Number(row["workers"]),
      openLeases: Number(row["open_leases"]),
      stuckLeases: Number(row["stuck_leases"]),
      drainingAt: host.drainingAt,
      createdAt: host.createdAt,
      seenAt: decode(hosts, { ...row, beat_at: row["seen_at"] }).beatAt,
    };
  });
}

const forgettable = sql`h.beat_at < ${inMs(-timing.hostKept)} and not exists (select 1 from workers w where w.host = h.id)
  and not exists (select 1 from environment_leases where ${ownsSlotSql} and host = h.id)
  and not exists (select 1 from environment_leases where status = 'retained' and host = h.id)`;

/** Hosts that were silent for `timing.hostKept` and have no open lease. */
export async function goneHosts(db: Db): Promise<{ id: string; name: string; backends: readonly string[] }[]> {
  const rows = await rowsOf(db, sql`select h.* from hosts h where ${forgettable} and not (${isForgotten}) order by h.id limit ${limits.sweepBatch}`);
  return rows.map((row) => decode(hosts, row));
}

/** Forgets such a host. False when it has come back meanwhile. */
export async function forgetGoneHost(db: Db, id: string): Promise<boolean> {
  const rows = await rowsOf(
    db,
    sql`with gone as (delete from hosts h where h.id = ${id} and h.witness is null and ${forgettable} returning h.id),
          emptied as (update hosts h set backends = '{}', draining_at = null where h.id = ${id} and h.witness is not null and ${forgettable} returning h.id)
        select id from gone union all select id from emptied`,
  );
  return rows.length > 0;
}
