import { getLease, type Lease, moveLease } from "../db/leases.ts";
import { invalid, isKind } from "../domain/errors.ts";
import { isFinalLease } from "../domain/lease.ts";
import type { Fleet } from "./fleet.ts";
import { ringMoved } from "./ring-moved.ts";

/**
 * Has the release of a stuck lease tried at once. One that is being released, or has ended since, stays as it is, so asking
 * again changes nothing. Throws `invalid`: `lease_not_found` (404), for another company's too; `lease_not_stuck` (409).
 */
export async function retryStuckLease(parts: Pick<Fleet, "db" | "bells" | "who">, companyId: string, leaseId: string, asker: string): Promise<{ lease: Lease; moved: boolean }> {
  for (;;) {
    const lease = await getLease(parts.db, companyId, leaseId);
    if (lease.state === "releasing" || isFinalLease(lease.state)) return { lease, moved: false };
    if (lease.state !== "stuck") throw notStuck(lease, "tried again");
    try {
      const after = await moveLease(parts.db, lease, { event: "retry", who: `${parts.who}, ${asker}`, why: "an operator asked for it" });
      await ringMoved(parts, after);
      return { lease: after, moved: true };
    } catch (error) {
      if (!isKind(error, "stale")) throw error;
    }
  }
}

export const notStuck = (lease: Lease, what: string): Error =>
  invalid("lease_not_stuck", `lease ${lease.id} is ${lease.state}; only a stuck lease can be ${what}. To give this one back, release it`, { status: 409 });
