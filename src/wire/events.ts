import { z } from "zod";
import { streams } from "../domain/execution.ts";
import { executionState } from "./execution.ts";
import type { Immutable } from "./immutable.ts";
import { killReason, outcome } from "./outcome.ts";
import { runPhase } from "./run.ts";
import { waiting } from "./waiting.ts";

/** Bodies of the server-sent events of a run; those of an execution differ in their state only. */
export const stateEvent = z
  .object({
    phase: runPhase,
    waiting: waiting.nullable(),
    outcome: outcome.nullable(),
    cancelRequested: z.boolean(),
    executionId: z.uuid().nullable().meta({ description: "Null until the run has got as far as its command" }),
  })
  .meta({ id: "StateEvent", description: "Data of an event `state` of a run" });
export type StateEvent = Immutable<z.output<typeof stateEvent>>;

export const executionStateEvent = z
  .object({ state: executionState, waiting: waiting.nullable(), killReason: killReason.nullable() })
  .meta({ id: "ExecutionStateEvent", description: "Data of an event `state` of an execution" });
export type ExecutionStateEvent = Immutable<z.output<typeof executionStateEvent>>;

export const outputEvent = z
  .object({ stream: z.enum(streams), start: z.int().meta({ description: "Offset of the first byte" }), bytes: z.base64().meta({ description: "Base64" }) })
  .meta({ id: "OutputEvent", description: "Data of an event `output`" });
export type OutputEvent = Immutable<z.output<typeof outputEvent>>;

export const endEvent = z.object({ outcome }).meta({ id: "EndEvent", description: "Data of the last event, `end`" });
export type EndEvent = Immutable<z.output<typeof endEvent>>;
