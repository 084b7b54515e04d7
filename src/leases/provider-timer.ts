import type { Lease } from "../db/leases.ts";
import { timing } from "../domain/defaults.ts";

/**
 * When the provider's own dead-man timer is to end a lease whose command is followed and that was granted until
 * `expiresAt`: late enough for running commands to survive an outage of ours that their watchdog survives. Before a
 * command, and between those of an ad-hoc lease, only rows are renewed, which reaches no provider: there it is the hard end.
 */
export const providerExpiry = ({ runId, maxExpiresAt }: Pick<Lease, "runId" | "maxExpiresAt">, expiresAt: Date): Date =>
  runId === null ? maxExpiresAt : new Date(Math.min(maxExpiresAt.getTime(), expiresAt.getTime() + timing.watchdog));
