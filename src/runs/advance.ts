import type { Db } from "../db/client.ts";
import { insertExecution } from "../db/executions.ts";
import { moveLease } from "../db/leases.ts";
import { findSituation, moveRun, restRun, type Run, type RunSituation } from "../db/runs.ts";
import { inMs } from "../db/rows.ts";
import { isCollision } from "../db/retry.ts";
import type { AcquireBell, StepBell } from "../domain/bells.ts";
import { timing } from "../domain/defaults.ts";
import { isKind, LeaseholdError } from "../domain/errors.ts";
import { newId } from "../domain/ids.ts";
import type { Outcome } from "../domain/outcome.ts";
import { decideRun, type RunFacts, type RunMove } from "../domain/run.ts";
import { endExecution } from "../leases/end-execution.ts";
import type { Fleet } from "../leases/fleet.ts";
import { requestLease } from "../leases/request.ts";
import { chooseEnvironment } from "./choose-environment.ts";

/** What a decision leads to: bells to ring now, and whether the run has something under way that will ring it again. */
export interface Advanced {
  readonly ended: boolean;
  readonly steps: readonly (StepBell | AcquireBell)[];
}

/**
 * Decides a run's next step and carries it out, again and again until there is nothing to decide for now. Each decision is
 * a compare-and-set on the run's version: of two workers that decide at once, one finds that it has happened.
 *
 * Gives the bells that the caller is to ring; dying before they are rung loses nothing, for the rows are due.
 */
export async function advanceRun(fleet: Fleet, runId: string): Promise<Advanced> {
  const steps: (StepBell | AcquireBell)[] = [];
  for (;;) {
    const situation = await findSituation(fleet.db, runId);
    if (situation === undefined || situation.run.phase === "ended") return { ended: true, steps };
    const move = decideRun(factsOf(situation));
    if (move.kind === "wait") {
      steps.push(...(await rest(fleet, situation)));
      return { ended: false, steps };
    }
    try {
      steps.push(...(await carryOut(fleet, situation, move)));
      await fleet.bells.moved(runId);
      // A step that is to be rung now makes the run due when it is done; reading the row again would tell nothing new.
      if (steps.length > 0) return { ended: false, steps };
    } catch (error) {
      // Somebody else decided, or something happened in between: look again.
      if (isKind(error, "stale") || isCollision(error)) continue;
      throw error;
    }
    // Who works on the execution rings when it has ended; until then the run stays due and asks again now and then.
    if (move.kind === "kill") return { ended: false, steps };
    if (move.kind === "end") return { ended: true, steps };
  }
}

function factsOf({ run, lease, execution }: RunSituation): RunFacts {
  return {
    phase: run.phase,
    cancelRequested: run.cancelRequestedAt !== null,
    deadlinePassed: run.overdue,
    outcome: run.outcome,
    hasWorkspace: run.request.workspace.kind !== "none",
    realized: run.realizedAt !== null,
    stepFailure: run.stepFailure,
    lease: lease === null ? null : { state: lease.state, failureReason: lease.failureReason },
    execution: execution === null ? null : { state: execution.state, outcome: execution.outcome, killReason: execution.killReason },
  };
}

/** Nothing to decide: the run is not due any more. While its step is not done it stays due, and the step is rung again: who has it keeps it. */
async function rest(fleet: Fleet, { run, lease }: RunSituation): Promise<StepBell[]> {
  if (run.phase === "realizing" && lease !== null) {
    return [{ verb: "realize", backend: lease.backend, host: lease.host, id: run.id, offer: run.offer }];
  }
  await restRun(fleet.db, run);
  return [];
}

async function carryOut(fleet: Fleet, situation: RunSituation, move: Exclude<RunMove, { kind: "wait" }>): Promise<(StepBell | AcquireBell)[]> {
  const { run, lease, execution } = situation;
  switch (move.kind) {
    case "request":
      return request(fleet, situation);
    case "realize": {
      if (lease === null) return [];
      await moveRun(fleet.db, run, "realizing", { dueAt: inMs(timing.ringAgain) });
      return [{ verb: "realize", backend: lease.backend, host: lease.host, id: run.id, offer: run.offer }];
    }
    case "execute": {
      if (lease === null) return [];
      const id = newId();
      await fleet.db.transaction(async (tx) => {
        // First the compare-and-set: of two that decide at once, the second finds out here.
        await moveRun(tx, run, "executing", run.realizedAt === null ? { realizedAt: inMs(0) } : {});
        await insertExecution(tx, {
          id,
          companyId: run.companyId,
          leaseId: lease.id,
          runId: run.id,
          ordinal: 1,
          argv: run.request.command,
          cwd: run.request.cwd ?? null,
          envNames: Object.keys(run.request.env),
          timeoutMs: run.request.timeoutMs,
          outputLimit: run.request.outputLimit,
          redactOutput: run.request.redactOutput ?? false,
        });
      });
      return [{ verb: "execute", backend: lease.backend, host: lease.host, id, offer: 0 }];
    }
    case "kill": {
      if (execution !== null) await endExecution(fleet, execution, move.reason);
      return [];
    }
    case "give_back":
      return giveBack(fleet, situation, move);
    case "end":
      await moveRun(fleet.db, run, "ended", { outcome: run.outcome ?? move.outcome });
      return [];
  }
}

/** Chooses the environment and requests the lease in one transaction; what cannot be is the run's end. */
async function request(fleet: Fleet, { run }: RunSituation): Promise<AcquireBell[]> {
  const ended = (outcome: Outcome) => moveRun(fleet.db, run, "ended", { outcome });
  try {
    const choice = await chooseEnvironment(fleet.db, run.companyId, run.request);
    await fleet.db.transaction(async (tx: Db) => {
      const lease = await requestLease(tx, run, choice.environment, fleet.who);
      await moveRun(tx, run, "acquiring", { environmentId: choice.environment.id, environmentReason: choice.reason, leaseId: lease.id, acquiringAt: inMs(0) });
    });
    return [{ verb: "acquire", backend: choice.environment.backend, host: null, cause: run.id }];
  } catch (error) {
    if (!(error instanceof LeaseholdError) || error.kind !== "invalid") throw error;
    await ended({ kind: "not_started", reason: error.code, message: error.message });
    return [];
  }
}

/** Fixes the outcome and lets the lease go, in one transaction: lease first, run second, as everywhere. */
async function giveBack(fleet: Fleet, { run, lease }: RunSituation, move: Extract<RunMove, { kind: "give_back" }>): Promise<StepBell[]> {
  const released = await fleet.db.transaction(async (tx: Db) => {
    if (lease === null || move.leaseEvent === null) {
      await toReleasing(tx, run, move.outcome);
      return lease;
    }
    const why = describe(move.outcome);
    const patch = { ending: move.ending, ...(move.leaseEvent === "timeout" ? { failureReason: why } : {}) };
    const after = await moveLease(tx, lease, { event: move.leaseEvent, who: fleet.who, why, patch }, { inTransaction: true });
    // The lease's event woke this run, as every change of its lease does: one version more, if nothing else happened.
    await toReleasing(tx, { ...run, version: run.version + 1 }, move.outcome);
    return after;
  });
  if (released?.state !== "releasing") return [];
  return [{ verb: "release", backend: released.backend, host: released.host, id: released.id, offer: released.fence }];
}

const toReleasing = (tx: Db, run: Run, outcome: Outcome): Promise<Run> =>
  moveRun(tx, run, "releasing", {
    outcome: run.outcome ?? outcome,
    ...(run.phase === "executing" || run.phase === "harvesting" ? { harvestedAt: inMs(0) } : {}),
  });

const describe = (outcome: Outcome): string => (outcome.kind === "not_started" ? outcome.reason : outcome.kind);
