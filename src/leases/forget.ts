import { endForgotten } from "../db/executions.ts";
import { countsPlaces } from "../db/lease-claims.ts";
import { listLeaseEvents } from "../db/lease-list.ts";
import { getLease, type Lease, moveLease } from "../db/leases.ts";
import type { Db } from "../db/client.ts";
import { isKind } from "../domain/errors.ts";
import { isFinalLease } from "../domain/lease.ts";
import type { Fleet } from "./fleet.ts";
import { notStuck } from "./retry-stuck.ts";
import { ringMoved } from "./ring-moved.ts";

/**
 * Gives a stuck lease up: an operator has taken its resource on, for the written `reason`. Its slot is free, its commands that
 * nobody could settle end as `lost`, and reconcile reports the resource as `forgotten` and never touches it. There is no way
 * back. Asking again changes nothing. Throws `invalid`: `lease_not_found` (404), for another company's too; `lease_not_stuck` (409).
 */
export async function forgetLease(parts: Pick<Fleet, "db" | "bells" | "who">, companyId: string, leaseId: string, asker: string, reason: string): Promise<{ lease: Lease; moved: boolean }> {
  for (;;) {
    const lease = await getLease(parts.db, companyId, leaseId);
    if (isFinalLease(lease.state) && (await wasForgotten(parts.db, leaseId))) return { lease, moved: false };
    if (lease.state !== "stuck") throw notStuck(lease, "forgotten");
    try {
      const { after, ended } = await parts.db.transaction(async (tx: Db) => ({
        after: await moveLease(tx, lease, { event: "forget", who: `${parts.who}, ${asker}`, why: reason }, { inTransaction: true }),
        ended: await endForgotten(tx, leaseId),
      }));
      await ring(parts, after, ended);
      return { lease: after, moved: true };
    } catch (error) {
      // It moved on while we looked: see what can be done now.
      if (!isKind(error, "stale")) throw error;
    }
  }
}

const wasForgotten = async (db: Db, leaseId: string): Promise<boolean> => (await listLeaseEvents(db, leaseId)).some(({ event }) => event === "forget");

async function ring(parts: Pick<Fleet, "db" | "bells">, lease: Lease, ended: readonly string[]): Promise<void> {
  const { bells } = parts;
  await Promise.all([ringMoved(parts, lease), ...ended.flatMap((id) => [bells.execution(id), bells.output({ execution: id, stream: "final", end: 0 })])]);
  // A place is free: where they are counted somebody may wait for it.
  if (await countsPlaces(parts.db, lease)) await bells.step({ verb: "acquire", backend: lease.backend, host: null, cause: lease.id });
}
