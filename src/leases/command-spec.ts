import type { Execution } from "../db/executions.ts";
import { timing } from "../domain/defaults.ts";
import type { CommandSpec } from "../session/execution-place.ts";
import type { Session } from "../session/session.ts";

/** What a command is given: values that may be secret. */
export interface Given {
  /** The environment's variables and the request's. */
  readonly env: Readonly<Record<string, string>>;
  /** Base64. */
  readonly stdin: string;
}

/**
 * What is to be run, from the execution and what it is given. The command gets nothing of the worker's own environment: the place's own
 * variables (PATH), then those it is given, then those that say where it is and for which run, if it is for one.
 */
export function commandSpec(execution: Execution, given: Given, session: Session): CommandSpec {
  const { seen } = session;
  return {
    argv: execution.argv,
    cwd: execution.cwd ?? ".",
    env: {
      ...session.env,
      ...given.env,
      HOME: seen.home,
      TMPDIR: seen.tmp,
      ...(execution.runId === null ? {} : { LEASEHOLD_RUN: execution.runId }),
      LEASEHOLD_LEASE: execution.leaseId,
    },
    stdin: Buffer.from(given.stdin, "base64"),
    outputLimit: execution.outputLimit,
    watchdogMs: timing.watchdog,
    leftoverGraceMs: timing.leftoverGrace,
  };
}
