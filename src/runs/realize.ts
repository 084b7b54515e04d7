import { findLease } from "../db/leases.ts";
import { claimStep, endStep, extendStepClaim, type Run, type StepEnd } from "../db/runs.ts";
import { isOutage, throughOutage } from "../db/retry.ts";
import { newClaim } from "../domain/claim.ts";
import { attempts, backoff } from "../domain/defaults.ts";
import { isKind, LeaseholdError, reasonOf, refused } from "../domain/errors.ts";
import { callDriver } from "../leases/call.ts";
import type { WorkerFleet } from "../leases/fleet.ts";
import { keepClaim } from "../leases/keep-claim.ts";
import type { HostPathSource } from "./host-path.ts";

/**
 * Puts a run's workspace into its environment. Staged per offer and published under the fence by the place itself, so a
 * worker that dies in here, or wakes up late, leaves nothing half done in the workspace.
 */
export async function realizeRun(fleet: WorkerFleet, hostPaths: HostPathSource, runId: string, stop: AbortSignal): Promise<void> {
  const claim = newClaim(fleet.who);
  const run = await claimStep(fleet.db, runId, "realizing", claim);
  if (run === null) return;
  using kept = keepClaim(
    () => extendStepClaim(fleet.claims, run.id, claim),
    (err) => fleet.log.error({ err, run: run.id }, "could not extend a claim"),
  );
  const signal = AbortSignal.any([kept.lost, stop]);
  const end = await attempt(fleet, hostPaths, run, signal);
  if (kept.lost.aborted || end === null) return;
  const ended = await throughOutage(() => endStep(fleet.db, run, claim, end), { signal: kept.lost });
  // A step that is to be tried later is rung by the reaper, when it is due.
  if (ended && !(end.kind === "again" && end.afterMs > 0)) await fleet.bells.run(run.id, `realize-${run.offer}-${end.kind}`);
}

async function attempt(fleet: WorkerFleet, hostPaths: HostPathSource, run: Run, signal: AbortSignal): Promise<StepEnd | null> {
  using secrets = run.leaseId === null ? null : fleet.secrets.of({ id: run.leaseId, companyId: run.companyId, runId: run.id });
  try {
    const lease = run.leaseId === null ? undefined : await findLease(fleet.db, run.leaseId);
    if (lease === undefined || lease.state !== "active") return null;
    const { workspace } = run.request;
    if (workspace.kind === "none") return { kind: "realized" };
    const source = await hostPaths.allow(workspace.path);
    const driver = fleet.driver(lease.backend);
    if (driver.facts.placement !== "host") throw refused("workspace_unsupported", `a path of the worker's host cannot be brought to ${lease.backend}; use a local environment`);
    const session = await callDriver(fleet, driver, lease, signal, (context) => driver.session(context, { key: lease.resourceKey, handle: lease.handle }));
    await hostPaths.publish({ session, source, caller: { fence: lease.fence, offer: run.offer }, signal });
    return { kind: "realized" };
  } catch (error) {
    secrets?.known.redactError(error);
    if (isKind(error, "stale")) return null;
    if (signal.aborted) return { kind: "again", afterMs: 0 };
    const final = error instanceof LeaseholdError && (error.kind === "invalid" || error.kind === "refused" || error.kind === "gone");
    fleet.log.warn({ err: error, run: run.id, attempt: run.attempt }, "could not realize a workspace");
    if (final || (run.attempt >= attempts.step && !isOutage(error))) return { kind: "failed", code: error instanceof LeaseholdError && final ? error.code : "workspace_realization_failed", message: reasonOf(error) };
    return { kind: "again", afterMs: backoff(run.attempt) };
  }
}

