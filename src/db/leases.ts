import { and, eq, sql, type InferSelectModel, type SQL } from "drizzle-orm";
import { timing } from "../domain/defaults.ts";
import { invalid, stale } from "../domain/errors.ts";
import { newId } from "../domain/ids.ts";
import { isFinalLease, type LeaseEvent, type LeaseState, nextLease } from "../domain/lease.ts";
import type { Claim } from "../domain/claim.ts";
import type { Db } from "./client.ts";
import { isOutage, throughOutage } from "./retry.ts";
import { Assignments, columnsOf, decode, inMs, rowsOf } from "./rows.ts";
import { wakeRunSql, wakeRunsSql } from "./wake.ts";
import { leaseEvents, leases } from "./schema.ts";

export type Lease = InferSelectModel<typeof leases>;
export type LeaseEventRow = InferSelectModel<typeof leaseEvents>;

/** Columns a caller may set along with an event. A value may be SQL. */
type LeasePatch = { readonly [K in keyof Lease]?: Lease[K] | SQL };

export interface LeaseMove {
  readonly event: LeaseEvent;
  /** Who did it: a worker, `reaper`, `api`, a run. For the event row. */
  readonly who: string;
  readonly why?: string;
  /** Needed where the rule says `take`, `hold` or `drop`. */
  readonly claim?: Claim;
  readonly patch?: LeasePatch;
  /** For `expire`: not if it has been renewed since `lease` was read. A renewal that was granted holds. */
  readonly unlessRenewed?: boolean;
  /** A statement that changes something else along with it. Where it gives no row, nothing happens to the lease either. */
  readonly onlyWith?: SQL;
  /** What else has to be so, as part of the same statement. */
  readonly onlyIf?: SQL;
}

/**
 * Inserts a lease in `requested`, with its first event. To be called in a transaction. Throws `stale` when its environment has
 * been archived or deleted since it was chosen: choose again.
 */
export async function insertLease(tx: Db, row: NewLease, who: string): Promise<Lease> {
  const [lease] = await tx.insert(leases).values({ ...row, environmentId: ifActive(row.environmentId) }).returning();
  if (lease === undefined) throw new Error("insert of a lease gave no row");
  mustHaveEnvironment(lease, row);
  await insertFirstEvent(tx, lease.id, who);
  return lease;
}

/** A lease to be inserted into an environment. */
export type NewLease = typeof leases.$inferInsert & { readonly environmentId: string };

/**
 * SQL for an environment's id while it is active, else null. Locks the row until the transaction ends against being archived or
 * deleted, and nothing else; waits for who is doing that.
 */
export const ifActive = (environmentId: string): SQL<string> => sql`(select id from environments where id = ${environmentId} and status = 'active' for key share)`;

/** Throws `stale` for a lease whose environment was not active any more when it was inserted. */
export function mustHaveEnvironment(lease: Lease, wanted: NewLease): void {
  if (lease.environmentId === null) throw stale("environment_moved_on", `environment ${wanted.environmentId} was archived or deleted this moment; ask again`);
}

/** The event with which every lease begins. */
export async function insertFirstEvent(db: Db, leaseId: string, who: string): Promise<void> {
  await db.insert(leaseEvents).values({ id: newId(), leaseId, event: "request", from: null, to: "requested", fence: 0, who });
}

/**
 * The one function that changes a lease's state: a guarded UPDATE (state, fence, claim) and its event row, in one
 * statement. `lease` is the row the caller last saw; a row that has moved on since is left alone.
 *
 * Safe when the answer is lost: outside a transaction the same event is asked for again until the database says what
 * became of it. Throws `stale` when somebody newer owns the row or the event has no meaning in its state any more.
 */
export async function moveLease(db: Db, lease: Lease, move: LeaseMove, options: { inTransaction?: boolean } = {}): Promise<Lease> {
  const eventId = newId();
  const next = nextLease(lease, move.event);
  if (next === null) throw stale("lease_moved_on", `lease ${lease.id} is ${lease.state}; ${move.event} has no meaning there`);
  const statement = moveStatement(lease, move, next, eventId);
  const once = async (): Promise<Lease> => {
    const [row] = await rowsOf(db, statement);
    if (row !== undefined) return decode(leases, row);
    return afterNoRow(db, lease, move, eventId);
  };
  if (options.inTransaction === true) return once();
  try {
    return await once();
  } catch (error) {
    if (!isOutage(error)) throw error;
    return throughOutage(async () => (await moved(db, lease.id, eventId)) ?? once(), { limitMs: timing.claim });
  }
}

type Next = NonNullable<ReturnType<typeof nextLease>>;

function moveStatement(lease: Lease, move: LeaseMove, next: Next, eventId: string): SQL {
  const { set, guard } = effectOf(lease.state, move, next);
  // A run waits for its lease's next state: whatever changes it makes the run due, in the same statement.
  const wakes = lease.runId !== null && changesForRun(lease.state, next.to);
  return sql`
    with ${move.onlyWith === undefined ? sql`` : sql`along as (${move.onlyWith}), `}moved as (
      update environment_leases l set ${set} where l.id = ${lease.id} and l.fence = ${lease.fence} and ${guard} returning ${columnsOf(leases, "l")}
    ), noted as (
      insert into lease_events (id, lease_id, event, from_state, to_state, fence, who, why)
      select ${eventId}::uuid, id, ${move.event}, ${lease.state}, status, fence, ${move.who}, ${move.why ?? null} from moved
    )${wakes ? sql`, woken as (${wakeRunSql(sql`(select heartbeat_run_id from moved)`)})` : sql``}
    select * from moved`;
}

/**
 * Moves many leases at once, each under the guards of `moveLease`, with a statement for each kind of change: for what is
 * found by the hundred. Gives those that moved. What has moved on, or is locked by somebody at the moment, is left alone;
 * so is everything when the answer is lost, and whoever looks for such leases finds what remains.
 */
export async function moveLeases(db: Db, wanted: readonly Lease[], move: LeaseMove): Promise<Lease[]> {
  const kinds = new Map<string, { next: Next; alike: [Lease, ...Lease[]] }>();
  for (const lease of wanted) {
    const next = nextLease(lease, move.event);
    if (next === null) continue;
    const kind = kinds.get(`${lease.state} ${next.to}`);
    if (kind === undefined) kinds.set(`${lease.state} ${next.to}`, { next, alike: [lease] });
    else kind.alike.push(lease);
  }
  const rows = await Promise.all([...kinds.values()].map(({ next, alike }) => rowsOf(db, moveManyStatement(alike, move, next))));
  return rows.flat().map((row) => decode(leases, row));
}

function moveManyStatement(alike: readonly [Lease, ...Lease[]], move: LeaseMove, next: Next): SQL {
  const from = alike[0].state;
  const { set, guard } = effectOf(from, move, next);
  const column = (values: readonly unknown[]): SQL => sql`${sql.param(`{${values.join(",")}}`)}`;
  return sql`
    with asked as (
      select l.id from unnest(${column(alike.map((l) => l.id))}::uuid[], ${column(alike.map((l) => l.fence))}::int[]) as a (id, fence)
      join environment_leases l on l.id = a.id and l.fence = a.fence where ${guard} for no key update of l skip locked
    ), moved as (
      update environment_leases l set ${set} where l.id = any(array(select id from asked)) returning ${columnsOf(leases, "l")}
    ), noted as (
      insert into lease_events (id, lease_id, event, from_state, to_state, fence, who, why)
      select a.event, m.id, ${move.event}, ${from}, m.status, m.fence, ${move.who}, ${move.why ?? null}
      from moved m join unnest(${column(alike.map((l) => l.id))}::uuid[], ${column(alike.map(() => newId()))}::uuid[]) as a (id, event) on a.id = m.id
    )${changesForRun(from, next.to) ? sql`, woken as (${wakeRunsSql(sql`select heartbeat_run_id from moved`)})` : sql``}
    select * from moved`;
}

/** What an event sets, and what must hold of the row beside its id and fence. */
function effectOf(state: LeaseState, move: LeaseMove, { rule, to }: Next): { set: SQL; guard: SQL } {
  const claim = move.claim;
  if ((rule.claim === "take" || rule.claim === "hold" || rule.claim === "drop") && claim === undefined) {
    throw new Error(`${move.event} needs a claim`);
  }
  const guard: SQL[] = [sql`l.status = ${state}`];
  const set = new Assignments()
    .set("status", sql`${to}`)
    .set("fence", rule.fence ? sql`l.fence + 1` : sql`l.fence`)
    .set("updated_at", sql`clock_timestamp()`);
  if (move.unlessRenewed === true) guard.push(sql`l.expires_at <= clock_timestamp()`);
  if (move.onlyWith !== undefined) guard.push(sql`exists (select 1 from along)`);
  if (move.onlyIf !== undefined) guard.push(move.onlyIf);
  const held = sql`l.claim_token = ${claim?.token} and l.claim_until > clock_timestamp()`;
  const unclaim = () => set.set("claim_owner", sql`null`).set("claim_token", sql`null`).set("claim_until", sql`null`);
  const free = sql`(l.claim_until is null or l.claim_until < clock_timestamp())`;
  switch (rule.claim) {
    case "take":
      guard.push(free);
      set
        .set("claim_owner", sql`${claim?.owner}`)
        .set("claim_token", sql`${claim?.token}::uuid`)
        .set("claim_until", inMs(timing.claim))
        .set("due_at", inMs(timing.claim))
        .set("attempt", sql`attempt + 1`);
      break;
    case "hold":
      guard.push(held);
      break;
    case "drop":
      guard.push(held);
      unclaim();
      break;
    case "break":
      unclaim();
      break;
    case "free":
      guard.push(free);
      unclaim();
      break;
    case "none":
      break;
  }
  if (isBeforeEnd(state) && !isBeforeEnd(to)) set.set("ended_at", sql`clock_timestamp()`);
  if (rule.ending !== undefined) set.set("ending", sql`${rule.ending}`);
  if (rule.mustDestroy === true) set.set("must_destroy", sql`true`);
  if (to === "active") set.set("due_at", sql`null`);
  // What begins to be released starts its attempts afresh, and is due at once.
  if (to === "releasing" && state !== "releasing") {
    set.set("attempt", sql`0`).set("due_at", sql`clock_timestamp()`).set("releasing_since", sql`clock_timestamp()`);
  }
  if (isFinalLease(to)) set.set("released_at", sql`clock_timestamp()`).set("due_at", sql`null`);
  set.patch(leases, move.patch ?? {});
  return { set: set.sql, guard: sql.join(guard, sql` and `) };
}

const changesForRun = (from: LeaseState, to: LeaseState): boolean => to !== from && to !== "acquiring" && to !== "requested";

const isBeforeEnd = (state: LeaseState): boolean => state === "requested" || state === "acquiring" || state === "active";

/** The row, if the event with this id was committed by an earlier try whose answer was lost. */
async function moved(db: Db, leaseId: string, eventId: string): Promise<Lease | undefined> {
  const [row] = await rowsOf(db, sql`select ${columnsOf(leases, "l")} from environment_leases l join lease_events e on e.lease_id = l.id where l.id = ${leaseId} and e.id = ${eventId}`);
  return row === undefined ? undefined : decode(leases, row);
}

async function afterNoRow(db: Db, lease: Lease, move: LeaseMove, eventId: string): Promise<Lease> {
  const mine = await moved(db, lease.id, eventId);
  if (mine !== undefined) return mine;
  const now = await findLease(db, lease.id);
  throw stale("lease_moved_on", `lease ${lease.id} is ${now?.state ?? "gone"} with fence ${now?.fence ?? "?"}; ${move.event} came from fence ${lease.fence}`);
}

export async function findLease(db: Db, id: string): Promise<Lease | undefined> {
  const [row] = await db.select().from(leases).where(eq(leases.id, id));
  return row;
}

/** A company's lease; another company's looks like one that does not exist (I12). */
export async function getLease(db: Db, companyId: string, id: string): Promise<Lease> {
  const [row] = await db.select().from(leases).where(and(eq(leases.id, id), eq(leases.companyId, companyId)));
  if (row === undefined) throw invalid("lease_not_found", `no lease ${id}`, { status: 404 });
  return row;
}

/** Extends a live claim on a lease. False when it is not mine any more: stop, touch nothing. */
export async function extendLeaseClaim(db: Db, id: string, claim: Claim): Promise<boolean> {
  const rows = await rowsOf(
    db,
    sql`update environment_leases set claim_until = ${inMs(timing.claim)}, due_at = ${inMs(timing.claim)}
        where id = ${id} and claim_token = ${claim.token} and claim_until > clock_timestamp() returning id`,
  );
  return rows.length > 0;
}
