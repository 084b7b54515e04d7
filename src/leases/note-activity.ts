import { insertActivity } from "../db/activity.ts";
import type { Lease } from "../db/leases.ts";
import type { Fleet } from "./fleet.ts";

/** Tells the company what happened to a lease. Failing to tell never fails a run: it is only logged. */
export async function noteActivity(fleet: Fleet, lease: Lease, action: "environment.lease_acquired" | "environment.lease_released"): Promise<void> {
  try {
    await insertActivity(fleet.db, {
      companyId: lease.companyId,
      action,
      entityType: "environment_lease",
      entityId: lease.id,
      runId: lease.runId,
      details: {
        environmentId: lease.environmentId,
        backend: lease.backend,
        provider: lease.provider,
        leasePolicy: lease.policy,
        executionWorkspaceId: lease.executionWorkspaceId,
        issueId: lease.issueId,
        ...(action === "environment.lease_released" ? { status: lease.state, failureReason: lease.failureReason } : {}),
      },
    });
  } catch (err) {
    fleet.log.warn({ err, lease: lease.id }, `could not note ${action}`);
  }
}
