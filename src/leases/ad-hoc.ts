import type { Lease } from "../db/leases.ts";
import { invalid } from "../domain/errors.ts";

/** Throws `invalid` (409) unless the lease is one whose holder may do this with it now: ad-hoc, and active. */
export function mustBeHeld(lease: Lease, what: string): void {
  if (lease.runId !== null) throw invalid("lease_belongs_to_run", `lease ${lease.id} belongs to run ${lease.runId}; only an ad-hoc lease can be ${what}`, { status: 409 });
  if (lease.state !== "active") throw invalid("lease_not_active", `lease ${lease.id} is ${lease.state}; only an active lease can be ${what}`, { status: 409 });
}
