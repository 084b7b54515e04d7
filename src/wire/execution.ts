import { z } from "zod";
import { executionStates } from "../domain/execution.ts";
import type { Immutable } from "./immutable.ts";
import { killed, killReason, outcome, result } from "./outcome.ts";
import { iso } from "./time.ts";
import { waiting } from "./waiting.ts";

export const executionState = z.enum(executionStates).meta({ id: "ExecutionState" });

/** How far a command has got. */
const progress = {
  id: z.uuid(),
  state: executionState,
  stdoutBytes: z.int(),
  stderrBytes: z.int(),
  stdoutDropped: z.int().nullable().meta({ description: "Bytes written beyond the output limit and not kept; null while unknown" }),
  stderrDropped: z.int().nullable(),
  outputComplete: z.boolean().nullable().meta({ description: "Whether every byte written is kept; null until the command has ended" }),
  redacted: z.boolean().meta({ description: "Whether secrets are replaced by `***` in the output; byte counts and offsets are of what is kept" }),
  killed: killed.nullable().meta({ description: "What is known about the processes after we ended the command; null when we did not" }),
  startedAt: iso.nullable(),
  firstOutputAt: iso.nullable(),
  finishedAt: iso.nullable(),
};

export const runExecution = z.object(progress).meta({ id: "RunExecution" });
export type RunExecution = Immutable<z.output<typeof runExecution>>;

const summary = {
  ...progress,
  leaseId: z.uuid(),
  runId: z.uuid().nullable().meta({ description: "Null in an ad-hoc lease" }),
  result: result.nullable().meta({ description: "The outcome in one word; null until it is known" }),
  outcome: outcome.nullable(),
  command: z.array(z.string()),
  cwd: z.string().nullable(),
  envNames: z.array(z.string()).meta({ description: "Names only; values are never given back" }),
  timeoutMs: z.int(),
  outputLimit: z.int(),
  idempotencyKey: z.string().nullable(),
  killReason: killReason.nullable().meta({ description: "Why its end was asked for, by the first who did" }),
  killAskedAt: iso.nullable(),
  createdAt: iso,
};

export const executionSummary = z.object(summary).meta({ id: "ExecutionSummary" });
export type ExecutionSummary = Immutable<z.output<typeof executionSummary>>;

export const execution = z.object({ ...summary, waiting: waiting.nullable() }).meta({ id: "Execution", description: "One command in a lease" });
export type Execution = Immutable<z.output<typeof execution>>;
