import { constants } from "node:os";
import type { Outcome } from "../client/index.ts";
import { exitCodes } from "./exit-codes.ts";

/** The exit code that tells a shell how a run's command ended. 0 is only ever a real 0. */
export function codeOf(outcome: Outcome): number {
  switch (outcome.kind) {
    case "exited":
      return outcome.code;
    case "signalled":
      return 128 + (constants.signals[outcome.signal as NodeJS.Signals] ?? 127);
    case "timed_out":
      return exitCodes.timedOut;
    case "cancelled":
      return exitCodes.cancelled;
    case "lease_ended":
    case "not_started":
    case "lost":
      return exitCodes.notRun;
  }
}
