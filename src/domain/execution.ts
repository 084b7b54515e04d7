import type { Outcome } from "./outcome.ts";

/** The execution machine, as a table like the lease machine. See `docs/runs.md`. */

export const executionStates = ["created", "starting", "running", "final"] as const;
export type ExecutionState = (typeof executionStates)[number];

export const executionEvents = ["claim", "intent", "started", "finish", "abandon", "forget", "ask_kill", "detach"] as const;
export type ExecutionEvent = (typeof executionEvents)[number];

export interface ExecutionRule {
  readonly from: readonly ExecutionState[];
  /** `same` keeps the state. */
  readonly to: ExecutionState | "same";
  readonly claim: "take" | "hold" | "drop" | "break" | "none";
}

export const executionRules: { readonly [E in ExecutionEvent]: ExecutionRule } = {
  /** Offer + 1. Only when unclaimed or the claim has lapsed. */
  claim: { from: ["created", "starting", "running"], to: "same", claim: "take" },
  /** The boot id of the place is written down before the command can start there. */
  intent: { from: ["created"], to: "starting", claim: "hold" },
  /** Its directory was made, or found without a tombstone. */
  started: { from: ["starting"], to: "running", claim: "hold" },
  /** The outcome is known; it never changes again. */
  finish: { from: ["created", "starting", "running"], to: "final", claim: "drop" },
  /** Ended before anybody claimed it: nothing can have started. */
  abandon: { from: ["created"], to: "final", claim: "none" },
  /** An operator gave up its lease: how it ended, nobody will know. Whoever has a claim loses it. */
  forget: { from: ["created", "starting", "running"], to: "final", claim: "break" },
  /** Written down for the claimer; the first reason stays. */
  ask_kill: { from: ["created", "starting", "running"], to: "same", claim: "none" },
  /** A stopping worker gives the row back; the command goes on. */
  detach: { from: ["created", "starting", "running"], to: "same", claim: "drop" },
};

/** The state after `event`, or null when the event has no meaning in `state`. */
export function nextExecution(state: ExecutionState, event: ExecutionEvent): ExecutionState | null {
  const rule = executionRules[event];
  if (!rule.from.includes(state)) return null;
  return rule.to === "same" ? state : rule.to;
}

/** What the place says about an execution; the driver's session reads it from the execution's directory. */
export type ExecutionStatus =
  /** The lease's own directory or its marker is not there. */
  | { kind: "gone" }
  /** The lease is there and knows nothing of this execution. */
  | { kind: "absent" }
  /** It was planted before it could start; it never will. */
  | { kind: "tombstone" }
  | { kind: "running" }
  /** It could not be started at all. */
  | { kind: "spawn_failed"; reason: string; message: string }
  | { kind: "ended"; exit: Extract<Outcome, { kind: "exited" | "signalled" }>; sizes: StreamSizes; dropped: StreamSizes | null; killed: boolean }
  /** There is no exit status and nobody left who could write one. */
  | { kind: "orphaned"; sameBoot: boolean; sizes: StreamSizes };

export interface StreamSizes {
  readonly stdout: number;
  readonly stderr: number;
}

export const streams = ["stdout", "stderr"] as const;
export type StreamName = (typeof streams)[number];

/** Two offsets of a redacted stream that belong together: of what is kept, and of what was written. */
export interface Anchor {
  readonly kept: number;
  readonly written: number;
}
