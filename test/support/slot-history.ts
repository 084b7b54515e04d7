import { sql } from "drizzle-orm";
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
  const rows = [
    ...(await db.execute(sql`
      select l.id::text, extract(epoch from l.requested_at)::float8 as requested,
        (select min(e.at) from lease_events e where e.lease_id = l.id and e.event = 'claim')::text as claimed,
        (select max(e.at) from lease_events e where e.lease_id = l.id and e.to_state in ('released', 'expired', 'failed'))::text as ended
      from environment_leases l where l.environment_id = ${environmentId} order by l.requested_at, l.id`)),
  ];
  const owners = rows.filter((row) => row["claimed"] !== null);
  // As text, Postgres keeps the microseconds that a Date would cut.
  const text = (row: Record<string, unknown>, name: string): string => row[name] as string;
  const changes = owners.flatMap((row) => [{ at: text(row, "claimed"), by: 1 }, ...(row["ended"] === null ? [] : [{ at: text(row, "ended"), by: -1 }])]);
  let now = 0;
  let most = 0;
  for (const { by } of changes.toSorted((a, b) => (a.at === b.at ? a.by - b.by : a.at < b.at ? -1 : 1))) {
    now += by;
    most = Math.max(most, now);
  }
  return {
    most,
    requested: rows.map((row) => text(row, "id")),
    claimed: owners.toSorted((a, b) => (text(a, "claimed") < text(b, "claimed") ? -1 : 1)).map((row) => text(row, "id")),
  };
}
