import type { Db } from "../db/client.ts";
import { type Execution, findExecution } from "../db/executions.ts";
import { readOutput } from "../db/output.ts";
import { isOutage } from "../db/retry.ts";
import { timing } from "../domain/defaults.ts";
import type { StreamName } from "../domain/execution.ts";
import { Doorbell } from "./doorbell.ts";

/** A piece of a stream, as it is durable. */
export interface OutputPiece {
  readonly stream: StreamName;
  /** Offset of the first byte. */
  readonly start: number;
  readonly bytes: Buffer;
}

/** Where followers hear that there is more. What is not heard is found by looking. */
export interface OutputNotices {
  onOutput(execution: string, look: () => void): () => void;
}

/**
 * The durable output of an execution from the given offsets on, live until the execution has ended. Reads only as fast as
 * the caller takes it: a slow follower slows nobody. Survives losing Redis (it looks by itself every few seconds) and
 * Postgres (it waits).
 */
export async function* followOutput(
  parts: { db: Db; notices: OutputNotices },
  executionId: string,
  from: Partial<Record<StreamName, number>>,
  options: { signal: AbortSignal; live: boolean },
): AsyncGenerator<OutputPiece> {
  const { signal, live } = options;
  const offsets = new Map(Object.entries(from) as [StreamName, number][]);
  const bell = new Doorbell();
  const silence = parts.notices.onOutput(executionId, bell.ring);
  signal.addEventListener("abort", bell.ring, { once: true });
  try {
    while (!signal.aborted) {
      bell.arm();
      try {
        const execution = await findExecution(parts.db, executionId);
        if (execution === undefined) return;
        yield* durableOutput(parts.db, execution, offsets, signal);
        // What was durable when the row was final is all there is.
        if (execution.state === "final" || !live) return;
      } catch (error) {
        if (!isOutage(error)) throw error;
      }
      await bell.wait(timing.followPoll);
    }
  } finally {
    silence();
    signal.removeEventListener("abort", bell.ring);
  }
}

/** What was durable beyond `offsets` when `execution` was read. The offsets move along with what is given. */
export async function* durableOutput(db: Db, execution: Execution, offsets: Map<StreamName, number>, signal: AbortSignal): AsyncGenerator<OutputPiece> {
  for (const [stream, start] of offsets) {
    const durable = execution[`${stream}Bytes`];
    for (let at = start; at < durable && !signal.aborted; ) {
      const bytes = await readOutput(db, execution.id, stream, at);
      if (bytes.length === 0) break;
      at += bytes.length;
      offsets.set(stream, at);
      yield { stream, start: at - bytes.length, bytes };
    }
  }
}
