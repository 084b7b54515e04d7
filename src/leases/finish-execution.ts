import { type Execution, moveExecution } from "../db/executions.ts";
import { findLease, type Lease } from "../db/leases.ts";
import { throughOutage } from "../db/retry.ts";
import type { Claim } from "../domain/claim.ts";
import type { StreamSizes } from "../domain/execution.ts";
import type { Killed, Outcome } from "../domain/outcome.ts";
import type { WorkerFleet } from "./fleet.ts";

export interface Ending {
  readonly outcome: Outcome;
  readonly killed: Killed | null;
  /** Bytes written but not kept; null when nobody can know. */
  readonly dropped: StreamSizes | null;
  /** Bytes that were made durable; null where nobody could read them again if they were not any more. */
  readonly kept: StreamSizes | null;
}

/** Fixes an execution's outcome for good, and rings whoever waits for it. Throws `transient` when output that was durable is not any more. */
export async function finishExecution(fleet: WorkerFleet, lease: Lease, execution: Execution, claim: Claim, ending: Ending, signal?: AbortSignal): Promise<void> {
  using secrets = fleet.secrets.of(lease);
  const { killed, dropped, kept } = ending;
  // What a place says about a command may have what the command was given in it.
  const outcome = "message" in ending.outcome && ending.outcome.message !== undefined ? { ...ending.outcome, message: secrets.known.redact(ending.outcome.message) } : ending.outcome;
  const told = outcome.kind === "not_started" ? { stdout: 0, stderr: 0 } : dropped;
  const final = await throughOutage(
    () =>
      moveExecution(
        fleet.db,
        execution,
        "finish",
        claim,
        {
          outcome,
          killed,
          stdoutDropped: told?.stdout ?? null,
          stderrDropped: told?.stderr ?? null,
          outputComplete: told !== null && told.stdout === 0 && told.stderr === 0,
        },
        kept,
      ),
    signal === undefined ? {} : { signal },
  );
  fleet.log.info({ execution: final.id, run: final.runId, outcome, killed }, "execution ended");
  await fleet.bells.output({ execution: final.id, stream: "final", end: 0 });
  // Whoever is to release the lease waits for this. Looked at first: the run's next step may be that release, which it rings itself.
  const now = await findLease(fleet.db, lease.id);
  if (final.runId !== null) await fleet.bells.run(final.runId, `execution-${final.offer}`);
  if (now?.state === "releasing") await fleet.bells.step({ verb: "release", backend: now.backend, host: now.host, id: now.id, offer: now.fence + now.attempt });
}
