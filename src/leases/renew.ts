import type { Db } from "../db/client.ts";
import { renewLease } from "../db/lease-renewal.ts";
import { getLease, type Lease } from "../db/leases.ts";
import { mustBeHeld } from "./ad-hoc.ts";

/**
 * Renews an ad-hoc lease for its holder: one lease life from now, never past its hard end. Gives the lease as granted.
 * Throws `invalid`: `lease_not_found` (404), for another company's too; `lease_belongs_to_run` (409), for a run's lease is
 * renewed for it; `lease_not_active` (409).
 */
export async function renewAdHocLease(db: Db, companyId: string, leaseId: string): Promise<Lease> {
  for (;;) {
    const lease = await getLease(db, companyId, leaseId);
    mustBeHeld(lease, "renewed");
    const expiresAt = await renewLease(db, lease);
    if (expiresAt !== null) return { ...lease, expiresAt };
    // It ended while we looked: say what it is now.
  }
}
