import type { Environment } from "../db/environments.ts";
import type { Execution } from "../db/executions.ts";
import type { Run } from "../db/runs.ts";
import { timing } from "../domain/defaults.ts";
import type { CommandSpec } from "../session/execution-place.ts";
import type { Session } from "../session/session.ts";

/**
 * What is to be run, from the run's request and its environment. The command gets nothing of the worker's own
 * environment: the place's own variables (PATH), then the environment's, then the run's, then the four that say where it is.
 */
export function commandSpec(execution: Execution, run: Pick<Run, "id" | "request">, environment: Environment | undefined, session: Session): CommandSpec {
  const { places } = session;
  return {
    argv: execution.argv,
    cwd: execution.cwd ?? ".",
    env: {
      ...session.env,
      ...environment?.envVars,
      ...run.request.env,
      HOME: places.home,
      TMPDIR: places.tmp,
      LEASEHOLD_RUN: run.id,
      LEASEHOLD_LEASE: execution.leaseId,
    },
    stdin: Buffer.from(run.request.stdin ?? "", "base64"),
    outputLimit: execution.outputLimit,
    watchdogMs: timing.watchdog,
    leftoverGraceMs: timing.leftoverGrace,
  };
}
