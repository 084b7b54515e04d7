import { timing } from "./defaults.ts";
import type { ExecutionState } from "./execution.ts";
import { endingFor, environmentInactive, isFinalLease, type LeaseEnding, type LeaseState } from "./lease.ts";
import { resultOf, type KillReason, type Outcome } from "./outcome.ts";

/** The run machine: facts in, the next move out. Pure; `src/runs` carries the move out in one transaction. */

export const runPhases = ["accepted", "acquiring", "realizing", "executing", "harvesting", "releasing", "ended"] as const;
export type RunPhase = (typeof runPhases)[number];

/** Everything a decision depends on. */
export interface RunFacts {
  readonly phase: RunPhase;
  readonly cancelRequested: boolean;
  /** The phase's own time is over (and the fleet is not catching up after an outage). */
  readonly deadlinePassed: boolean;
  readonly outcome: Outcome | null;
  /** Whether the request brings files that have to be put into the environment. */
  readonly hasWorkspace: boolean;
  readonly realized: boolean;
  readonly stepFailure: { readonly code: string; readonly message: string } | null;
  readonly lease: { readonly state: LeaseState; readonly failureReason: string | null } | null;
  readonly execution: { readonly state: ExecutionState; readonly outcome: Outcome | null; readonly killReason: KillReason | null } | null;
}

export type RunMove =
  /** Nothing to do until the lease, the step or the execution says so. */
  | { readonly kind: "wait" }
  /** Choose an environment and request a lease, or end the run when that cannot be. */
  | { readonly kind: "request" }
  /** Put the workspace in. */
  | { readonly kind: "realize" }
  /** Make the execution row. */
  | { readonly kind: "execute" }
  /** Have the running command ended; the run stays where it is until it has. */
  | { readonly kind: "kill"; readonly reason: KillReason }
  /** The outcome is known: give the lease back. `leaseEvent` is what happens to the lease, by its state. */
  | { readonly kind: "give_back"; readonly outcome: Outcome; readonly leaseEvent: "release" | "cancel" | "timeout" | null; readonly ending: LeaseEnding }
  | { readonly kind: "end"; readonly outcome: Outcome };

const wait: RunMove = { kind: "wait" };
const notStarted = (reason: string, message?: string): Outcome => ({
  kind: "not_started",
  reason,
  ...(message === undefined ? {} : { message }),
});

/** What is to be done next for a run in this situation. Total: every phase has an answer for every lease and execution. */
export function decideRun(facts: RunFacts): RunMove {
  switch (facts.phase) {
    case "accepted":
      if (facts.cancelRequested) return { kind: "end", outcome: { kind: "cancelled" } };
      if (facts.deadlinePassed) return { kind: "end", outcome: notStarted("queue_timeout", "nobody decided about the run in time") };
      return { kind: "request" };
    case "acquiring":
      return decideAcquiring(facts);
    case "realizing":
      return decideRealizing(facts);
    case "executing":
      return decideExecuting(facts);
    case "harvesting":
      // Nothing of this version harvests; a newer one that did, and was rolled back, left its outcome fixed.
      return giveBack(facts, facts.outcome ?? { kind: "lost" });
    case "releasing":
      return decideReleasing(facts);
    case "ended":
      return wait;
  }
}

function decideAcquiring(facts: RunFacts): RunMove {
  const lease = facts.lease;
  if (lease === null) return { kind: "end", outcome: notStarted("lease_acquire_failed", "its lease is gone") };
  if (facts.cancelRequested) return giveBack(facts, { kind: "cancelled" });
  switch (lease.state) {
    case "requested":
    case "acquiring":
      return facts.deadlinePassed ? giveBack(facts, notStarted("queue_timeout", "no place became free in time")) : wait;
    case "active":
      return facts.hasWorkspace ? { kind: "realize" } : { kind: "execute" };
    default:
      if (lease.failureReason === environmentInactive) return giveBack(facts, notStarted(environmentInactive, "its environment was archived while it waited"));
      return giveBack(facts, notStarted("lease_acquire_failed", lease.failureReason ?? undefined));
  }
}

function decideRealizing(facts: RunFacts): RunMove {
  if (facts.cancelRequested) return giveBack(facts, { kind: "cancelled" });
  if (facts.lease?.state !== "active") return giveBack(facts, notStarted("lease_ended"));
  if (facts.stepFailure !== null) return giveBack(facts, notStarted(facts.stepFailure.code, facts.stepFailure.message));
  if (facts.realized) return { kind: "execute" };
  if (facts.deadlinePassed) return giveBack(facts, notStarted("workspace_realization_failed", "took too long"));
  return wait;
}

function decideExecuting(facts: RunFacts): RunMove {
  const execution = facts.execution;
  if (execution === null) return giveBack(facts, { kind: "lost", message: "its execution is gone" });
  if (execution.outcome !== null) return giveBack(facts, execution.outcome);
  // The lease is beyond anybody's reach: that ends the run's wait. Who reaches it again settles the execution.
  if (facts.lease === null || facts.lease.state === "stuck" || isFinalLease(facts.lease.state)) {
    return giveBack(facts, { kind: "lost", message: "its place could not be reached any more" });
  }
  if (execution.killReason !== null) return execution.state === "created" ? { kind: "kill", reason: execution.killReason } : wait;
  if (facts.cancelRequested) return { kind: "kill", reason: "cancelled" };
  if (facts.lease.state !== "active") return { kind: "kill", reason: "lease_ended" };
  if (facts.deadlinePassed) return { kind: "kill", reason: "timed_out" };
  return wait;
}

function decideReleasing(facts: RunFacts): RunMove {
  const outcome = facts.outcome ?? { kind: "lost" as const };
  const lease = facts.lease;
  // The lease is still ours to give back; the run need not wait for that any longer.
  if (facts.deadlinePassed) return { kind: "end", outcome };
  if (lease === null || isFinalLease(lease.state) || lease.state === "retained" || lease.state === "stuck") return { kind: "end", outcome };
  // An active lease here was left over by a decision that could not release it; do it now.
  return lease.state === "releasing" ? wait : giveBack(facts, outcome);
}

function giveBack(facts: RunFacts, outcome: Outcome): RunMove {
  const state = facts.lease?.state;
  const ending = endingFor(resultOf(outcome));
  if (state === undefined) return { kind: "end", outcome };
  if (state === "active") return { kind: "give_back", outcome, leaseEvent: "release", ending };
  if (state === "requested" || state === "acquiring") {
    return { kind: "give_back", outcome, leaseEvent: outcome.kind === "cancelled" ? "cancel" : "timeout", ending };
  }
  return { kind: "give_back", outcome, leaseEvent: null, ending };
}

/** Milliseconds the run may stay in a phase before its deadline decides. */
export function phaseTime(phase: RunPhase, request: { readonly timeoutMs: number; readonly queueTimeoutMs: number }): number {
  switch (phase) {
    case "accepted":
      return timing.queueWait;
    case "acquiring":
      return request.queueTimeoutMs + timing.acquireWait;
    case "realizing":
      return timing.realize;
    case "executing":
      // The worker that executes enforces the timeout itself; this is for when there is none.
      return request.timeoutMs + timing.queueWait;
    case "harvesting":
      return timing.harvest;
    case "releasing":
    case "ended":
      return timing.releaseWait;
  }
}
