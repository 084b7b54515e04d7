import { openExecutions } from "../db/executions.ts";
import { claimRelease, countsPlaces } from "../db/lease-claims.ts";
import { extendLeaseClaim, type Lease, moveLease } from "../db/leases.ts";
import { isOutage } from "../db/retry.ts";
import { inMs } from "../db/rows.ts";
import { type Claim, newClaim } from "../domain/claim.ts";
import { attempts, backoff, timing } from "../domain/defaults.ts";
import { isKind, LeaseholdError, reasonOf, transient } from "../domain/errors.ts";
import { callDriver } from "./call.ts";
import { endExecution } from "./end-execution.ts";
import { execute } from "./execute.ts";
import type { WorkerFleet } from "./fleet.ts";
import { keepClaim } from "./keep-claim.ts";
import { noteActivity } from "./note-activity.ts";

/**
 * Gives a lease's resource back: settles its executions, then has the driver remove it. The only place that calls a
 * driver's release. Each part can be repeated, so a worker that dies in here is followed by another.
 */
export async function releaseLease(fleet: WorkerFleet, leaseId: string, stop: AbortSignal): Promise<void> {
  const claim = newClaim(fleet.who);
  const lease = await claimRelease(fleet.db, leaseId, claim, fleet.who);
  if (lease === null) return;
  using kept = keepClaim(
    () => extendLeaseClaim(fleet.claims, lease.id, claim),
    (err) => fleet.log.error({ err, lease: lease.id }, "could not extend a claim"),
  );
  const signal = AbortSignal.any([kept.lost, stop]);
  using _secrets = fleet.secrets.of(lease);
  try {
    if (!(await settle(fleet, lease, signal))) {
      // Somebody alive is at an execution of this lease; they know it has to end, and ring when it has.
      await moveLease(fleet.db, lease, { event: "retry_later", who: fleet.who, why: "an execution is being ended", claim, patch: { dueAt: inMs(timing.retryBase), attempt: lease.attempt - 1 } });
      return;
    }
    const driver = fleet.driver(lease.backend);
    await callDriver(fleet, driver, lease, signal, (context) => driver.release(context, { key: lease.resourceKey, handle: lease.handle, config: lease.config })).catch(unlessGone);
    const done = await moveLease(fleet.db, lease, { event: "cleaned", who: fleet.who, claim });
    fleet.progress.made(done.backend);
    await noteActivity(fleet, done, "environment.lease_released");
    if (done.runId !== null) await fleet.bells.run(done.runId, `lease-${done.state}-${done.fence}`);
    // A place is free: where they are counted somebody may wait for it.
    if (await countsPlaces(fleet.db, done)) await fleet.bells.step({ verb: "acquire", backend: done.backend, host: null, cause: done.id });
  } catch (error) {
    if (isKind(error, "stale")) {
      fleet.log.info({ lease: lease.id, fence: lease.fence }, `left lease alone: ${error.message}`);
      return;
    }
    await afterFailure(fleet, lease, claim, error);
  }
}

/** What is not there any more has been given back: nothing else was wanted. */
function unlessGone(error: unknown): void {
  if (!isKind(error, "gone")) throw error;
}

/** Ends what still runs in the lease. False when somebody else is doing that. */
async function settle(fleet: WorkerFleet, lease: Lease, signal: AbortSignal): Promise<boolean> {
  const open = await openExecutions(fleet.db, lease.id);
  const ended = await Promise.all(
    open.map(async (execution) => {
      // What nobody has begun to start needs no place to end.
      if (await endExecution(fleet, execution, "lease_ended")) return true;
      const result = await execute(fleet, execution.id, signal);
      if (result === "later") throw transient("execution_unsettled", `execution ${execution.id} could not be brought to its end`);
      return result === "final";
    }),
  );
  return ended.every(Boolean);
}

async function afterFailure(fleet: WorkerFleet, lease: Lease, claim: Claim, error: unknown): Promise<void> {
  const why = reasonOf(error);
  const hopeless = error instanceof LeaseholdError && (error.kind === "refused" || error.kind === "invalid");
  // The database's own troubles say nothing about the provider.
  if (!hopeless && (lease.attempt < attempts.release || isOutage(error))) {
    await moveLease(fleet.db, lease, { event: "retry_later", who: fleet.who, why, claim, patch: { dueAt: inMs(backoff(lease.attempt)) } });
    fleet.log.warn({ err: error, lease: lease.id, attempt: lease.attempt }, "could not release; will try again");
    return;
  }
  const given = await moveLease(fleet.db, lease, { event: "give_up_release", who: fleet.who, why, claim, patch: { failureReason: why, dueAt: inMs(timing.stuckRetry) } });
  fleet.log.error({ err: error, lease: lease.id }, "lease is stuck: its resource could not be given back");
  if (given.runId !== null) await fleet.bells.run(given.runId, `lease-${given.state}-${given.fence}`);
}
