import { extendExecutionClaim } from "../db/execution-claims.ts";
import { claimExecution, type Execution, findExecution, moveExecution } from "../db/executions.ts";
import { findLease, type Lease } from "../db/leases.ts";
import { isOutage, throughOutage } from "../db/retry.ts";
import { inMs } from "../db/rows.ts";
import { type Claim, newClaim } from "../domain/claim.ts";
import { attempts, backoff, timing } from "../domain/defaults.ts";
import { isKind, LeaseholdError, reasonOf } from "../domain/errors.ts";
import type { Outcome } from "../domain/outcome.ts";
import { executionPlace } from "../session/place.ts";
import { bringToRunning } from "./bring-to-running.ts";
import { callDriver } from "./call.ts";
import { extendTogether } from "./together.ts";
import { finishExecution } from "./finish-execution.ts";
import { followToEnd } from "./follow-to-end.ts";
import type { WorkerFleet } from "./fleet.ts";
import { keepClaim } from "./keep-claim.ts";
import { KillSwitch } from "./kill-switch.ts";
import type { Attempt } from "./attempt.ts";
import type { Turns } from "./turns.ts";

/** `elsewhere`: it has ended, or somebody alive is at it. `later`: given back, to be taken up again when it is due. */
export type ExecuteResult = "final" | "elsewhere" | "detached" | "later";

/**
 * Works on an execution until it has ended: starts it if nobody did, otherwise attaches to it where the durable copy of
 * its output ends. `stop` means detach: the command goes on, and whoever comes next follows it.
 *
 * A claim lost on the way (an outage, a long pause of this process) is asked for again once; if somebody else has it by
 * then, this worker leaves without touching anything (I5).
 *
 * `turns`: how many may be begun at once, from the claim until the command runs and is followed. One that runs already is only claimed in turn.
 */
export async function execute(fleet: WorkerFleet, executionId: string, stop: AbortSignal, turns?: Turns): Promise<ExecuteResult> {
  for (;;) {
    using turn = await turns?.();
    if (stop.aborted) return "detached";
    const claim = newClaim(fleet.who);
    const execution = await throughOutage(() => claimExecution(fleet.db, executionId, claim), { signal: stop }).catch((error: unknown) => {
      if (stop.aborted) return "stopped" as const;
      throw error;
    });
    if (execution === "stopped") return "detached";
    if (execution === null) {
      const now = await findExecution(fleet.db, executionId);
      return now === undefined || now.state === "final" ? "final" : "elsewhere";
    }
    // Attaching to what runs costs little, and somebody may be waiting for its output.
    if (execution.state === "running") turn?.over();
    const result = await attempt(fleet, execution, claim, stop, () => turn?.over());
    if (result !== "lost_claim") return result;
    fleet.log.warn({ execution: executionId, offer: execution.offer }, "lost the claim on an execution");
  }
}

async function attempt(fleet: WorkerFleet, execution: Execution, claim: Claim, stop: AbortSignal, begun: () => void): Promise<ExecuteResult | "lost_claim"> {
  const kill = new KillSwitch();
  if (execution.killReason !== null) kill.ask(execution.killReason);
  using kept = keepClaim(
    async (urgent) => {
      const held = { id: execution.id, claim };
      const news = await (urgent ? extendExecutionClaim(fleet.claims, held) : extendTogether(fleet.claims, held));
      if (news?.killReason) kill.ask(news.killReason);
      return news !== null;
    },
    (err) => fleet.log.error({ err, execution: execution.id }, "could not extend a claim"),
  );
  // A lease's row outlives its executions' rows.
  const lease = await leaseOf(fleet, execution, kept.lost);
  if (lease === null) return "lost_claim";
  if (lease === undefined) throw new Error(`execution ${execution.id} has no lease`);
  using secrets = fleet.secrets.of(lease);
  const silence = fleet.notices.onExecution(execution.id, () => kept.look());
  const log = fleet.log.child({ company: execution.companyId, run: execution.runId, lease: lease.id, fence: lease.fence, execution: execution.id, offer: execution.offer });
  const state: { current: Execution } = { current: execution };
  let work: Attempt | undefined;
  try {
    const driver = fleet.driver(lease.backend);
    const signal = AbortSignal.any([stop, kept.lost]);
    // Told to stop while it was claimed: nothing is begun, and whoever comes next need not wait for the claim to lapse.
    signal.throwIfAborted();
    const session = await callDriver(fleet, driver, lease, signal, (context) => driver.session(context, { key: lease.resourceKey, handle: lease.handle }));
    const place = executionPlace(session, execution.id);
    work = { fleet, log, driver, lease, session, place, claim, caller: { fence: lease.fence, offer: execution.offer }, secrets, kill, kept, begun, signal, state };
    if (await bringToRunning(work)) await followToEnd(work);
    return "final";
  } catch (error) {
    secrets.known.redactError(error);
    if (kept.lost.aborted || isKind(error, "stale")) return "lost_claim";
    if (stop.aborted) return await detach(fleet, lease, state.current, claim);
    return await afterFailure(fleet, lease, state.current, claim, error, work);
  } finally {
    silence();
  }
}

/** The execution's lease, however long the database takes: who is told to stop says there whom it hands on to. Null when the claim was lost meanwhile. */
async function leaseOf(fleet: WorkerFleet, execution: Execution, lost: AbortSignal): Promise<Lease | undefined | null> {
  try {
    return await throughOutage(() => findLease(fleet.db, execution.leaseId), { signal: lost });
  } catch (error) {
    if (lost.aborted) return null;
    throw error;
  }
}

/** Gives the row back; the command goes on, and the next worker attaches to it. */
async function detach(fleet: WorkerFleet, lease: Lease, execution: Execution, claim: Claim): Promise<ExecuteResult> {
  try {
    await moveExecution(fleet.db, execution, "detach", claim);
  } catch (error) {
    if (!isKind(error, "stale")) throw error;
    return "elsewhere";
  }
  fleet.log.info({ execution: execution.id, run: execution.runId }, "handed a running command on");
  await fleet.bells.step({ verb: "execute", backend: lease.backend, host: lease.host, id: execution.id, offer: execution.offer });
  return "detached";
}

async function afterFailure(fleet: WorkerFleet, lease: Lease, execution: Execution, claim: Claim, error: unknown, work: Attempt | undefined): Promise<ExecuteResult | "lost_claim"> {
  try {
    const outcome = hopeless(execution, error);
    if (outcome !== null) {
      // A place that vanished around a running command says nothing about the command.
      const killed = outcome.kind === "lost" && work !== undefined ? await work.place.kill(work.caller, timing.killGrace).catch(() => "unverified" as const) : null;
      await finishExecution(fleet, lease, execution, claim, { outcome, killed, dropped: null, kept: null });
      return "final";
    }
    fleet.log.warn({ err: error, execution: execution.id, attempt: execution.attempt }, "an attempt at an execution failed; will try again");
    const wait = execution.state === "running" ? Math.min(backoff(execution.attempt), timing.retryRunning) : backoff(execution.attempt);
    await moveExecution(fleet.db, execution, "detach", claim, { dueAt: inMs(wait) });
    return "later";
  } catch (failed) {
    if (isKind(failed, "stale")) return "lost_claim";
    throw failed;
  }
}

/** Whether a value could not be had, for a reason that was to pass. */
const isAboutSecrets = (error: unknown): error is LeaseholdError => error instanceof LeaseholdError && /^(secret|master_key)_/.test(error.code);

/** The outcome when another attempt cannot help; null when it may. */
function hopeless(execution: Execution, error: unknown): Outcome | null {
  const message = reasonOf(error);
  const gone = isKind(error, "gone");
  if (execution.state === "created") {
    // No intent was written, so nothing can have started.
    if (gone) return { kind: "not_started", reason: "lease_ended", message };
    const refusal = error instanceof LeaseholdError && (error.kind === "invalid" || error.kind === "refused");
    if (refusal) return { kind: "not_started", reason: error.code, message };
    // The database's own troubles say nothing about the place.
    if (execution.attempt < attempts.step || isOutage(error)) return null;
    if (isAboutSecrets(error)) return { kind: "not_started", reason: error.code, message };
    return { kind: "not_started", reason: "transport_resolution_failed", message };
  }
  return gone ? { kind: "lost", message: "its place vanished" } : null;
}
