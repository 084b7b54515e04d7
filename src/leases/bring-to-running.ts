import { findEnvironment } from "../db/environments.ts";
import { findInput, moveExecution } from "../db/executions.ts";
import { findRequest } from "../db/runs.ts";
import { limits } from "../domain/defaults.ts";
import { invalid, isKind, LeaseholdError } from "../domain/errors.ts";
import { type Outcome, outcomeBeforeStart } from "../domain/outcome.ts";
import { fitsLinux } from "../domain/request.ts";
import { revealVariables } from "../secrets/reveal-variables.ts";
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
    // Written down with the intent: whoever takes over has to know what to look for.
    const redaction = state.current.redactOutput ? await fleet.secrets.remember(state.current, work.secrets.known.values) : {};
    state.current = await moveExecution(fleet.db, state.current, "intent", claim, { bootId, ...redaction });
    return start(work, spec);
  }
  if (state.current.state === "starting") {
    if ((await bootIdAt(work.driver, place)) !== state.current.bootId) {
      await finish(work, { kind: "lost", message: "the machine was restarted while the command was being started" });
      return false;
    }
    return startAgain(work);
  }
  return true;
}

/** Somebody wrote the intent and may have started it or not. What can be had no more only matters if not. */
async function startAgain(work: Attempt): Promise<boolean> {
  const { kill, place } = work;
  if (kill.reason !== null) return settle(work, outcomeBeforeStart(kill.reason), "exists");
  try {
    return await start(work, await resolveSpec(work));
  } catch (error) {
    if (!(error instanceof LeaseholdError)) throw error;
    if (error.kind === "invalid" || error.kind === "refused") return settle(work, { kind: "not_started", reason: error.code, message: error.message }, "exists");
    const { kind } = await place.status();
    if (error.kind !== "transient" || kind === "absent" || kind === "gone") throw error;
    return settle(work, null, "exists");
  }
}

async function start(work: Attempt, spec: CommandSpec): Promise<boolean> {
  const { place, caller, kill } = work;
  const reason = kill.reason;
  // A command that could be started when the intent was written may not be any more: its environment can be changed.
  const never: Outcome | null = reason === null ? refusal(work, spec) : outcomeBeforeStart(reason);
  return settle(work, never, never === null ? await place.start(caller, spec) : "exists");
}

/** Brings a start to its end: with `never`, unless it has been started; else it runs now, or its place says that it was not to. */
async function settle(work: Attempt, never: Outcome | null, start: "started" | "exists"): Promise<boolean> {
  const { fleet, lease, place, caller, claim, state } = work;
  if (never !== null && (await place.plant(caller)) === "planted") {
    await finish(work, never);
    return false;
  }
  if (start === "exists" && (await place.status()).kind === "tombstone") {
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

/** What is to be run, with every reference in its variables resolved. Throws as `LeaseSecrets.reveal` does. */
async function resolveSpec(work: Attempt): Promise<CommandSpec> {
  const { fleet, lease, session, secrets, state } = work;
  const { id, runId } = state.current;
  const [input, environment] = await Promise.all([
    runId === null ? findInput(fleet.db, id) : findRequest(fleet.db, runId),
    lease.environmentId === null ? undefined : findEnvironment(fleet.db, lease.companyId, lease.environmentId),
  ]);
  if (input === undefined) throw new Error(`nothing says what execution ${id} is given`);
  const env = await revealVariables(secrets, { ...environment?.envVars, ...input.env });
  if (!fitsLinux({ command: state.current.argv, env })) throw invalid("command_too_large", `arguments and variables together are more than ${limits.argv} bytes, the most Linux takes`);
  return commandSpec(state.current, { env, stdin: input.stdin ?? "" }, session);
}
