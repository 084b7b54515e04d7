import { sql, type SQL } from "drizzle-orm";
import type { Db } from "../../src/db/client.ts";

/** What an environment's leases did to its slots, from their events. */
export interface SlotHistory {
  /** The most leases that owned a slot at one moment. */
  readonly most: number;
  /** Leases in the order in which they were requested, and in that in which they were first claimed. */
  readonly requested: readonly string[];
  readonly claimed: readonly string[];
}

/**
 * A lease owns a slot from its first claim to its end. Each event has the database's time of its statement: a slot that is
 * given after another's end was committed is later than that end, so what overlaps here did overlap.
 */
export async function slotHistory(db: Db, environmentId: string): Promise<SlotHistory> {
  const rows = await leasesWhere(db, sql`l.environment_id = ${environmentId}`);
  const owners = rows.filter((row) => row.claimed !== null);
  return {
    most: most(rows),
    requested: rows.map((row) => row.id),
    claimed: owners.toSorted((a, b) => (String(a.claimed) < String(b.claimed) ? -1 : 1)).map((row) => row.id),
  };
}

/** The most leases that owned a place at one moment, of those (`l`) that the condition names. */
export const mostAtOnce = async (db: Db, where: SQL): Promise<number> => most(await leasesWhere(db, where));

/** Moments as text: Postgres keeps the microseconds that a Date would cut. */
interface Owned {
  readonly id: string;
  readonly claimed: string | null;
  readonly ended: string | null;
}

async function leasesWhere(db: Db, where: SQL): Promise<Owned[]> {
  const rows = await db.execute(sql`
      select l.id::text,
        (select min(e.at) from lease_events e where e.lease_id = l.id and e.event = 'claim')::text as claimed,
        (select max(e.at) from lease_events e where e.lease_id = l.id and e.to_state in ('released', 'expired', 'failed'))::text as ended
      from environment_leases l where ${where} order by l.requested_at, l.id`);
  const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null);
  return [...rows].map((row) => ({ id: String(row["id"]), claimed: textOrNull(row["claimed"]), ended: textOrNull(row["ended"]) }));
}

function most(rows: readonly Owned[]): number {
  const changes = rows.flatMap(({ claimed, ended }) => (claimed === null ? [] : [{ at: claimed, by: 1 }, ...(ended === null ? [] : [{ at: ended, by: -1 }])]));
  let now = 0;
  let top = 0;
  for (const { by } of changes.toSorted((a, b) => (a.at === b.at ? a.by - b.by : a.at < b.at ? -1 : 1))) {
    now += by;
    top = Math.max(top, now);
  }
  return top;
}
