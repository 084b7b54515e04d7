import { getLease, type Lease, moveLease } from "../db/leases.ts";
import { isKind } from "../domain/errors.ts";
import type { LeaseEnding, LeaseState } from "../domain/lease.ts";
import type { Fleet } from "./fleet.ts";
import { ringMoved } from "./ring-moved.ts";

/** How somebody's wish to give a lease back meets each state. What is ending or has ended stays as it is. */
const wishes: { readonly [S in LeaseState]?: { readonly event: "release" | "cancel" | "evict"; readonly ending?: LeaseEnding } } = {
  requested: { event: "cancel" },
  acquiring: { event: "cancel" },
  active: { event: "release", ending: "released" },
  retained: { event: "evict" },
};

/**
 * Gives a lease back because somebody outside asks for it. A run that still needs it ends with `lease_ended`. Asking again
 * changes nothing. Throws `invalid` `lease_not_found` (404), for another company's lease too.
 */
export async function letLeaseGo(parts: Pick<Fleet, "db" | "bells" | "who">, companyId: string, leaseId: string): Promise<Lease> {
  for (;;) {
    const lease = await getLease(parts.db, companyId, leaseId);
    const wish = wishes[lease.state];
    if (wish === undefined) return lease;
    try {
      const patch = wish.ending === undefined ? {} : { ending: wish.ending };
      const after = await moveLease(parts.db, lease, { event: wish.event, who: parts.who, why: "asked for through the API", patch });
      await ringMoved(parts, after);
      return after;
    } catch (error) {
      // It moved on while we looked: see what the wish means now.
      if (!isKind(error, "stale")) throw error;
    }
  }
}
