import type { StateEvent } from "../client/wire.ts";
import type { Db } from "../db/client.ts";
import { findExecution } from "../db/executions.ts";
import { readOutput } from "../db/output.ts";
import { isOutage } from "../db/retry.ts";
import { findSituation, type RunSituation } from "../db/runs.ts";
import { timing } from "../domain/defaults.ts";
import type { StreamName } from "../domain/execution.ts";
import type { Outcome } from "../domain/outcome.ts";
import { Doorbell } from "../output/doorbell.ts";
import type { OutputNotices, OutputPiece } from "../output/follow.ts";
import { waitingOf } from "./waiting.ts";

export type RunNews =
  | ({ readonly kind: "state" } & StateEvent)
  | ({ readonly kind: "output" } & OutputPiece)
  | { readonly kind: "end"; readonly outcome: Outcome };

type Offsets = Map<StreamName, number>;

/**
 * Everything about a run until it has ended: each new state once, its output from the given offsets on, then the end. Reads
 * only as fast as the caller takes it, wakes when somebody rings, and looks by itself now and then in case nobody does.
 */
export async function* watchRun(
  parts: { readonly db: Db; readonly notices: OutputNotices },
  runId: string,
  from: Partial<Record<StreamName, number>>,
  signal: AbortSignal,
): AsyncGenerator<RunNews> {
  const offsets: Offsets = new Map(Object.entries(from) as [StreamName, number][]);
  const bell = new Doorbell();
  const ears = new Map<string, () => void>();
  const listen = (id: string, look: () => void): void => {
    if (!ears.has(id)) ears.set(id, parts.notices.onOutput(id, look));
  };
  // A run's row carries its whole request: it is read when something happened to the run, not for every piece of output.
  let moved = true;
  let situation: RunSituation | undefined;
  let said = "";
  listen(runId, () => {
    moved = true;
    bell.ring();
  });
  signal.addEventListener("abort", bell.ring, { once: true });
  try {
    while (!signal.aborted) {
      bell.arm();
      try {
        if (moved) {
          moved = false;
          situation = await findSituation(parts.db, runId);
          if (situation === undefined) return;
          const state = await stateOf(parts.db, situation);
          const text = JSON.stringify(state);
          if (state.phase !== "ended" && text !== said) yield { kind: "state", ...state };
          said = text;
        }
        const { run, execution } = situation ?? {};
        if (execution != null) {
          listen(execution.id, () => {
            // The first that is heard of a command is that it runs.
            moved ||= situation?.execution?.startedAt == null;
            bell.ring();
          });
          yield* newOutput(parts.db, execution.id, offsets, signal);
        }
        if (run?.phase === "ended" && run.outcome !== null) {
          yield { kind: "end", outcome: run.outcome };
          return;
        }
      } catch (error) {
        if (!isOutage(error)) throw error;
        moved = true;
      }
      if (!(await bell.wait(timing.followPoll))) moved = true;
    }
  } finally {
    for (const silence of ears.values()) silence();
    signal.removeEventListener("abort", bell.ring);
  }
}

async function stateOf(db: Db, situation: RunSituation): Promise<StateEvent> {
  const { run, execution } = situation;
  return { phase: run.phase, waiting: await waitingOf(db, situation), outcome: run.outcome, cancelRequested: run.cancelRequestedAt !== null, executionId: execution?.id ?? null };
}

/** What is durable beyond `offsets`, which move along. */
async function* newOutput(db: Db, executionId: string, offsets: Offsets, signal: AbortSignal): AsyncGenerator<RunNews> {
  if (offsets.size === 0) return;
  const execution = await findExecution(db, executionId);
  if (execution === undefined) return;
  for (const [stream, start] of offsets) {
    const durable = execution[`${stream}Bytes`];
    for (let at = start; at < durable && !signal.aborted; ) {
      const bytes = await readOutput(db, executionId, stream, at);
      if (bytes.length === 0) break;
      at += bytes.length;
      offsets.set(stream, at);
      yield { kind: "output", stream, start: at - bytes.length, bytes };
    }
  }
}
