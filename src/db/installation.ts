import { sql } from "drizzle-orm";
import { timing } from "../domain/defaults.ts";
import type { Db } from "./client.ts";
import { inMs, rowsOf } from "./rows.ts";

/** The installation's id: what we make carries it, so that reconcile knows our own. */
export async function installationId(db: Db): Promise<string> {
  const [row] = await rowsOf(db, sql`select id from installation`);
  if (row === undefined) throw new Error("the database has no installation row; run `leasehold migrate`");
  return String(row["id"]);
}

export interface Tick {
  /** Nothing may be expired or timed out: the living have not had time to renew. */
  readonly calm: boolean;
  /** This tick began the calm: the fleet was away, or the database's clock jumped. */
  readonly outage: boolean;
}

/**
 * Says that the fleet sweeps. When the last tick is long ago, or in the future, either nobody swept (an outage) or the
 * clock jumped; in both cases deadlines that seem to have passed mean nothing until one full lease life is over.
 */
export async function tick(db: Db): Promise<Tick> {
  const [row] = await rowsOf(
    db,
    sql`with was as (select id, fleet_tick, (fleet_tick < ${inMs(-timing.outage)} or fleet_tick > ${inMs(timing.outage)}) as outage from installation for update)
        update installation i set fleet_tick = clock_timestamp(),
          calm_until = case when was.outage then ${inMs(timing.leaseLife)} else least(calm_until, ${inMs(timing.leaseLife)}) end
        from was where i.id = was.id returning was.outage, calm_until > clock_timestamp() as calm`,
  );
  return { calm: row?.["calm"] === true, outage: row?.["outage"] === true };
}
