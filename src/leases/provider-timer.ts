import type { Lease } from "../db/leases.ts";

/**
 * When the provider's own dead-man timer is to end a lease that was granted until `expiresAt`. Between the commands of an
 * ad-hoc lease only the API renews, which reaches no provider: there it is the hard end from the first.
 */
export const providerExpiry = (lease: Pick<Lease, "runId" | "maxExpiresAt">, expiresAt: Date): Date => (lease.runId === null ? lease.maxExpiresAt : expiresAt);
