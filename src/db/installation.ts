import { sql } from "drizzle-orm";
import { timing } from "../domain/defaults.ts";
import { transient } from "../domain/errors.ts";
import { type ClockReading, followClock, jumpBetween, sameTime } from "./clock-jump.ts";
import type { Db } from "./client.ts";
import { inMs, rowsOf } from "./rows.ts";

/** The installation's id: what we make carries it, so that reconcile knows our own. */
export async function installationId(db: Db): Promise<string> {
  const [row] = await rowsOf(db, sql`select id from installation`);
  if (row === undefined) throw new Error("the database has no installation row; run `leasehold migrate`");
  return String(row["id"]);
}

/** Throws when the database cannot be reached, or takes no writes. */
export async function mustBeWritable(db: Db): Promise<void> {
  const [row] = await rowsOf(db, sql`select current_setting('transaction_read_only') as answer`);
  if (row?.["answer"] === "on") throw transient("database_read_only", "the database is read-only");
}

export interface Tick {
  /** Nothing may be expired or timed out: the living have not had time to renew. */
  readonly calm: boolean;
  /** This tick began the calm: the fleet was away, or the database's clock jumped. */
  readonly outage: boolean;
  /** Milliseconds by which the database's clock was found to have been set, and deadlines with it; 0 usually. */
  readonly jumpMs: number;
  /** For the next tick of this process to compare with. */
  readonly clock: ClockReading;
}

const settled = sql`fleet_tick between ${inMs(-timing.outage)} and ${inMs(timing.outage)}`;

/**
 * SQL for "what is overdue may be ended": the fleet ticked just now, and it is not calm. Part of each statement that ends
 * something, for the machine may have slept, or the clock been set, since the sweep ticked.
 */
export const deadlinesHold = sql`(select ${settled} and calm_until <= clock_timestamp() from installation)`;

/**
 * Says that the fleet sweeps. When the last tick is long ago, or in the future, either nobody swept (an outage) or the
 * clock jumped; in both cases deadlines that seem to have passed mean nothing until one full lease life is over.
 *
 * A process that has ticked `before` can tell one from the other, and by how much the clock was set: then deadlines
 * follow it. The row's lock lets one process do that, for the others find a tick of the new time. A process that cannot
 * tell, because it has just begun, leaves it for a while to those that can.
 */
export async function tick(db: Db, before?: ClockReading): Promise<Tick> {
  return (await usualTick(db)) ?? db.transaction((tx) => tickAfterGap(tx, before));
}

async function usualTick(db: Db): Promise<Tick | null> {
  const asked = performance.now();
  const [row] = await rowsOf(
    db,
    sql`update installation set fleet_tick = clock_timestamp(), calm_until = least(calm_until, ${inMs(timing.leaseLife)})
        where ${settled} returning calm_until > clock_timestamp() as calm, ${epochMs} as at`,
  );
  if (row === undefined) return null;
  return { calm: row["calm"] === true, outage: false, jumpMs: 0, clock: reading(row, asked) };
}

async function tickAfterGap(tx: Db, before: ClockReading | undefined): Promise<Tick> {
  const [was] = await rowsOf(tx, sql`select extract(epoch from fleet_tick)::float8 * 1000 as at from installation for update`);
  if (was === undefined) throw new Error("the database has no installation row; run `leasehold migrate`");
  // Somebody may have ticked while this waited.
  const usual = await usualTick(tx);
  if (usual !== null) return usual;
  const asked = performance.now();
  // What the rows say is of the time of the last tick. A clock that was read in another time than that tells nothing of it.
  const knows = before !== undefined && sameTime(before, Number(was["at"]), asked);
  const strangeSince = before?.strangeSince ?? asked;
  if (!knows && asked - strangeSince < timing.clockWitness) {
    const [row = {}] = await rowsOf(tx, sql`select ${epochMs} as at`);
    return { calm: true, outage: false, jumpMs: 0, clock: { ...reading(row, asked), strangeSince } };
  }
  const [row] = await rowsOf(tx, sql`update installation set fleet_tick = clock_timestamp(), calm_until = ${inMs(timing.leaseLife)} returning ${epochMs} as at`);
  const clock = reading(row ?? {}, asked);
  const jumpMs = knows ? jumpBetween(before, clock) : 0;
  if (jumpMs !== 0) await followClock(tx, jumpMs);
  return { calm: true, outage: true, jumpMs, clock };
}

const epochMs = sql`extract(epoch from clock_timestamp())::float8 * 1000`;
const reading = (row: Record<string, unknown>, asked: number): ClockReading => ({ at: Number(row["at"]), asked, answered: performance.now() });

/** Whether the fleet has ticked by the database's clock as it is now. Until then times of before mean nothing. */
export async function clockSettled(db: Db): Promise<boolean> {
  return (await rowsOf(db, sql`select 1 from installation where ${settled}`)).length > 0;
}
