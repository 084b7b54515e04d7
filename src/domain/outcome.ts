import { z } from "zod";

/**
 * How a command ended. 0 is only ever a real 0 (I8).
 *
 * - `exited`: by itself, with a code.
 * - `signalled`: by a signal nobody of ours sent.
 * - `timed_out`, `cancelled`, `lease_ended`: we ended it, for that reason.
 * - `not_started`: it never ran, and cannot have; `reason` says why.
 * - `lost`: it cannot be shown how it ended; it is not run again.
 */
export const outcomeSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("exited"), code: z.number().int().min(0).max(255) }),
  z.strictObject({ kind: z.literal("signalled"), signal: z.string() }),
  z.strictObject({ kind: z.literal("timed_out") }),
  z.strictObject({ kind: z.literal("cancelled") }),
  z.strictObject({ kind: z.literal("lease_ended") }),
  z.strictObject({ kind: z.literal("not_started"), reason: z.string(), message: z.string().optional() }),
  z.strictObject({ kind: z.literal("lost"), message: z.string().optional() }),
]);
export type Outcome = z.infer<typeof outcomeSchema>;

export const killReasons = ["timed_out", "cancelled", "lease_ended"] as const;
/** Why a running command was ended by us. The first reason stays. */
export type KillReason = (typeof killReasons)[number];

/** The outcome of a command that we ended for `reason` before it was started. Time that was over before is not its own. */
export const outcomeBeforeStart = (reason: KillReason): Outcome =>
  reason === "timed_out" ? { kind: "not_started", reason: "queue_timeout", message: "nobody could start it in time" } : { kind: reason };

export const killedValues = ["verified", "swept", "unverified"] as const;
/** What is known about the processes after we ended a command (I9). */
export type Killed = (typeof killedValues)[number];

export const runResults = ["succeeded", "failed", "timed_out", "cancelled", "lost"] as const;
/** A run in one word, derived from its outcome. */
export type RunResult = (typeof runResults)[number];

/** The one word for an outcome: success is exit code 0 and nothing else. */
export function resultOf(outcome: Outcome): RunResult {
  switch (outcome.kind) {
    case "exited":
      return outcome.code === 0 ? "succeeded" : "failed";
    case "timed_out":
      return "timed_out";
    case "cancelled":
      return "cancelled";
    case "lost":
      return "lost";
    case "signalled":
    case "lease_ended":
    case "not_started":
      return "failed";
  }
}

/** What an outcome says to a person, in a few words. */
export function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case "exited":
      return `exited ${outcome.code}`;
    case "signalled":
      return `ended by ${outcome.signal}`;
    case "not_started":
      return `not started (${outcome.reason}${outcome.message === undefined ? "" : `: ${outcome.message}`})`;
    case "lost":
      return outcome.message === undefined ? "lost" : `lost (${outcome.message})`;
    default:
      return outcome.kind.replace("_", " ");
  }
}
