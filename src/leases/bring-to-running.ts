import { findEnvironment } from "../db/environments.ts";
import { findInput, moveExecution } from "../db/executions.ts";
import { findRequest } from "../db/runs.ts";
import { isKind } from "../domain/errors.ts";
import { type Outcome, outcomeBeforeStart } from "../domain/outcome.ts";
import type { CommandSpec } from "../session/execution-place.ts";
import type { Attempt } from "./attempt.ts";
import { bootIdAt } from "./boot-id.ts";
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
  const { fleet, lease, place, caller, claim, kill, state } = work;
  if (state.current.state === "created") {
    const reason = kill.reason ?? (lease.state === "active" ? null : "lease_ended");
    if (reason !== null) {
      await place.plant(caller);
      await finish(work, outcomeBeforeStart(reason));
      return false;
    }
    // Checked before the intent: what cannot be met ends as `not_started`.
    const spec = await resolveSpec(work);
    place.check(spec);
    const bootId = await bootIdAt(work.driver, place);
    state.current = await moveExecution(fleet.db, state.current, "intent", claim, { bootId });
    return start(work, spec);
  }
  if (state.current.state === "starting") {
    if ((await bootIdAt(work.driver, place)) !== state.current.bootId) {
      await finish(work, { kind: "lost", message: "the machine was restarted while the command was being started" });
      return false;
    }
    return start(work, await resolveSpec(work));
  }
  return true;
}

async function start(work: Attempt, spec: CommandSpec): Promise<boolean> {
  const { fleet, lease, place, caller, claim, kill, state } = work;
  const reason = kill.reason;
  // A command that could be started when the intent was written may not be any more: its environment can be changed.
  const never: Outcome | null = reason === null ? refusal(work, spec) : outcomeBeforeStart(reason);
  if (never !== null && (await place.plant(caller)) === "planted") {
    await finish(work, never);
    return false;
  }
  if ((never !== null || (await place.start(caller, spec)) === "exists") && (await place.status()).kind === "tombstone") {
    await finish(work, never ?? { kind: "lease_ended" });
    return false;
  }
  state.current = await moveExecution(fleet.db, state.current, "started", claim);
  fleet.progress.made(lease.backend);
  // Who watches need not wait for its first byte to see that it runs.
  await fleet.bells.moved(state.current.runId ?? state.current.id);
  return true;
}

function refusal(work: Attempt, spec: CommandSpec): Outcome | null {
  try {
    work.place.check(spec);
    return null;
  } catch (error) {
    if (!isKind(error, "invalid")) throw error;
    return { kind: "not_started", reason: error.code, message: error.message };
  }
}

/** Ends an execution whose command wrote nothing that anybody could have kept. */
const finish = (work: Attempt, outcome: Outcome): Promise<void> =>
  finishExecution(work.fleet, work.lease, work.state.current, work.claim, { outcome, killed: null, dropped: outcome.kind === "lost" ? null : nothingDropped, kept: null }, work.signal);

async function resolveSpec(work: Attempt): Promise<CommandSpec> {
  const { fleet, lease, session, state } = work;
  const { id, runId } = state.current;
  const [input, environment] = await Promise.all([
    runId === null ? findInput(fleet.db, id) : findRequest(fleet.db, runId),
    lease.environmentId === null ? undefined : findEnvironment(fleet.db, lease.companyId, lease.environmentId),
  ]);
  if (input === undefined) throw new Error(`nothing says what execution ${id} is given`);
  return commandSpec(state.current, input, environment, session);
}
