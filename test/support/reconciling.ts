import { sql } from "drizzle-orm";
import type { Db } from "../../src/db/client.ts";
import { rowsOf } from "../../src/db/rows.ts";
import type { WorkerFleet } from "../../src/leases/fleet.ts";
import { noteEndpoint, reconcileDue } from "../../src/leases/reconcile.ts";

const never = new AbortController().signal;

/** Has a worker compare a backend with the rows now, as if it were due. */
export async function compareNow(fleet: WorkerFleet, backend = "sandbox-fake"): Promise<void> {
  const noted = new Map<string, string>();
  await noteEndpoint(fleet, backend, noted);
  await fleet.db.execute(sql`update reconcile_endpoints set due_at = clock_timestamp() where backend = ${backend}`);
  await reconcileDue(fleet, [...noted.values()], never);
}

/** Lets the grace of everything found so far be over. */
export const passGrace = (db: Db): Promise<unknown> => db.execute(sql`update reconcile_findings set first_seen_at = first_seen_at - interval '61 seconds'`);

export const endpointRow = async (db: Db, backend = "sandbox-fake"): Promise<Record<string, unknown>> => (await rowsOf(db, sql`select * from reconcile_endpoints where backend = ${backend}`))[0] ?? {};

export const findings = async (db: Db): Promise<{ key: string; kind: string }[]> =>
  (await rowsOf(db, sql`select resource_key as key, kind from reconcile_findings order by resource_key, provider_lease_id`)) as never;

/** Why nothing is reconciled, or null. */
export const heldWhy = async (db: Db): Promise<unknown> => (await rowsOf(db, sql`select held_why from installation`))[0]?.["held_why"];

/** Leases that were made for orphans. */
export const orphanLeases = (db: Db) =>
  rowsOf(db, sql`select l.id, l.resource_key as key, l.status, l.fence, l.company_id as company from environment_leases l join lease_events e on e.lease_id = l.id and e.event = 'orphan' order by l.id`);
