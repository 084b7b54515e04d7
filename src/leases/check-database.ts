import { databaseIdentity, findHold, holdReconcile, storeIdentity } from "../db/reconcile-hold.ts";
import { sameDatabase } from "../domain/reconcile.ts";
import type { WorkerFleet } from "./fleet.ts";
import { bearWitness } from "./witness.ts";

/**
 * Looks whether this database is the one it was, and holds reconcile back in the whole fleet if it may be a copy, or an
 * older state of itself: to such a one most of what is there looks like nobody's.
 */
export async function checkDatabase(fleet: WorkerFleet): Promise<void> {
  const { hold, identity } = await findHold(fleet.db);
  // Until an operator confirms nobody's memory counts; then everybody's begins anew.
  if (hold !== null) return;
  const now = await databaseIdentity(fleet.db);
  const why = identity !== null && !sameDatabase(identity, now) ? `the database is ${now} by its server's account and was ${identity}` : await bearWitness(fleet.db, fleet.host, fleet.memory);
  if (why === null) {
    // Also where a server has begun to say which it is.
    if (identity === null || (identity !== now && identity.startsWith("-"))) await storeIdentity(fleet.db, identity, now);
    return;
  }
  if (await holdReconcile(fleet.db, why)) fleet.log.error({ host: fleet.host }, `reconcile is held back in the whole fleet: ${why}. It may be a copy, or restored to an older state`);
}
