import { z } from "zod";
import { leaseStates } from "../domain/lease.ts";
import { runPhases } from "../domain/run.ts";
import { runExecution } from "./execution.ts";
import type { Immutable } from "./immutable.ts";
import { outcome, result } from "./outcome.ts";
import { iso } from "./time.ts";
import { waiting } from "./waiting.ts";

export const runPhase = z.enum(runPhases).meta({ id: "RunPhase" });

export const runLease = z
  .object({ id: z.uuid(), state: z.enum(leaseStates), backend: z.string(), failureReason: z.string().nullable() })
  .meta({ id: "RunLease", description: "The lease of a run, in short" });
export type RunLease = Immutable<z.output<typeof runLease>>;

const summary = {
  id: z.uuid(),
  phase: runPhase,
  result: result.nullable().meta({ description: "The outcome in one word; null until it is known" }),
  outcome: outcome.nullable(),
  command: z.array(z.string()),
  cwd: z.string().nullable(),
  envNames: z.array(z.string()).meta({ description: "Names only; values are never given back" }),
  hasStdin: z.boolean(),
  workspace: z.object({ kind: z.string(), path: z.string().optional() }),
  timeoutMs: z.int(),
  queueTimeoutMs: z.int(),
  priority: z.int().meta({ description: "Among the company's own: higher goes first" }),
  outputLimit: z.int(),
  idempotencyKey: z.string(),
  retryOf: z.uuid().nullable().meta({ description: "The run whose request this one repeats; null for one that was asked for anew" }),
  producer: z.record(z.string(), z.string()).meta({ description: "The producer's own ids, as it gave them" }),
  environmentId: z.uuid().nullable(),
  environmentReason: z.string().nullable().meta({ description: "Which level of the request, or which default, chose the environment" }),
  lease: runLease.nullable(),
  execution: runExecution.nullable(),
  cancelRequestedAt: iso.nullable(),
  createdAt: iso,
  endedAt: iso.nullable(),
};

export const runSummary = z.object(summary).meta({ id: "RunSummary" });
export type RunSummary = Immutable<z.output<typeof runSummary>>;

export const timelineEntry = z
  .object({ at: iso, event: z.string().meta({ description: "`run.<what>`, `lease.<event>` or `execution.<what>`" }), detail: z.string().optional() })
  .meta({ id: "TimelineEntry" });
export type TimelineEntry = Immutable<z.output<typeof timelineEntry>>;

export const run = z.object({ ...summary, waiting: waiting.nullable(), timeline: z.array(timelineEntry) }).meta({ id: "Run", description: "One command in an environment, from being asked for to its environment being given back" });
export type Run = Immutable<z.output<typeof run>>;
