import { sql } from "drizzle-orm";
import type { Db } from "../../src/db/client.ts";

/** A new fleet is calm for a lease's life, as after an outage. Tests of what expires do not wait for that. */
export async function endCalm(db: Db): Promise<void> {
  await db.execute(sql`update installation set calm_until = clock_timestamp() - interval '1 hour', fleet_tick = clock_timestamp()`);
}
