import { findEnvironment } from "../db/environments.ts";
import { moveExecution } from "../db/executions.ts";
import { findSituation } from "../db/runs.ts";
import type { KillReason } from "../domain/outcome.ts";
import type { CommandSpec } from "../session/execution-place.ts";
import type { Attempt } from "./attempt.ts";
import { commandSpec } from "./command-spec.ts";
import { finishExecution } from "./finish-execution.ts";

const nothingDropped = { stdout: 0, stderr: 0 };

/**
 * Brings an execution to `running`: intent first, then the start, which the place's own directory allows once. False when
 * it ended on the way (cancelled before it started, or lost).
 *
 * Dying before the intent leaves `created`: nothing was started. Dying after it leaves `starting`: the next worker
 * starts under the same id, and the directory says whether that already happened (I6).
 */
export async function bringToRunning(work: Attempt): Promise<boolean> {
  const { fleet, place, caller, claim, kill, state } = work;
  if (state.current.state === "created") {
    if (kill.reason !== null) {
      await place.plant(caller);
      await finish(work, kill.reason);
      return false;
    }
    // Checked before the intent, so that a request that cannot be met ends as `not_started`.
    const spec = await resolveSpec(work);
    const bootId = await place.bootId();
    state.current = await moveExecution(fleet.db, state.current, "intent", claim, { bootId });
    return start(work, spec);
  }
  if (state.current.state === "starting") {
    if ((await place.bootId()) !== state.current.bootId) {
      await finishExecution(fleet, work.lease, state.current, claim, {
        outcome: { kind: "lost", message: "the machine was restarted while the command was being started" },
        killed: null,
        dropped: null,
      });
      return false;
    }
    return start(work, await resolveSpec(work));
  }
  return true;
}

async function start(work: Attempt, spec: CommandSpec): Promise<boolean> {
  const { fleet, place, caller, claim, kill, state } = work;
  if (kill.reason !== null && (await place.plant(caller)) === "planted") {
    await finish(work, kill.reason);
    return false;
  }
  if (kill.reason !== null || (await place.start(caller, spec)) === "exists") {
    const status = await place.status();
    if (status.kind === "tombstone") {
      await finish(work, kill.reason ?? "lease_ended");
      return false;
    }
  }
  state.current = await moveExecution(fleet.db, state.current, "started", claim);
  return true;
}

const finish = (work: Attempt, reason: KillReason): Promise<void> =>
  finishExecution(work.fleet, work.lease, work.state.current, work.claim, { outcome: { kind: reason }, killed: null, dropped: nothingDropped });

async function resolveSpec(work: Attempt): Promise<CommandSpec> {
  const { fleet, lease, session, state } = work;
  const situation = state.current.runId === null ? undefined : await findSituation(fleet.db, state.current.runId);
  if (situation === undefined) throw new Error(`execution ${state.current.id} has no run`);
  const environment = lease.environmentId === null ? undefined : await findEnvironment(fleet.db, lease.companyId, lease.environmentId);
  return commandSpec(state.current, situation.run, environment, session);
}
