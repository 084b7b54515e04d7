import type { Environment } from "../db/environments.ts";
import type { Execution } from "../db/executions.ts";
import { timing } from "../domain/defaults.ts";
import type { CommandInput } from "../domain/request.ts";
import type { CommandSpec } from "../session/execution-place.ts";
import type { Session } from "../session/session.ts";

/**
 * What is to be run, from the execution, what it is given and its environment. The command gets nothing of the worker's own
 * environment: the place's own variables (PATH), then the environment's, then the request's, then those that say where it
 * is and for which run, if it is for one.
 */
export function commandSpec(execution: Execution, input: CommandInput, environment: Environment | undefined, session: Session): CommandSpec {
  const { seen } = session;
  return {
    argv: execution.argv,
    cwd: execution.cwd ?? ".",
    env: {
      ...session.env,
      ...environment?.envVars,
      ...input.env,
      HOME: seen.home,
      TMPDIR: seen.tmp,
      ...(execution.runId === null ? {} : { LEASEHOLD_RUN: execution.runId }),
      LEASEHOLD_LEASE: execution.leaseId,
    },
    stdin: Buffer.from(input.stdin ?? "", "base64"),
    outputLimit: execution.outputLimit,
    watchdogMs: timing.watchdog,
    leftoverGraceMs: timing.leftoverGrace,
  };
}
