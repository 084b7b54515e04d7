import { isOutage } from "../db/retry.ts";
import { timing } from "../domain/defaults.ts";
import type { StreamName } from "../domain/execution.ts";
import { Doorbell } from "./doorbell.ts";
import type { OutputReader } from "./reader.ts";

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

/** What following takes. */
export interface FollowParts {
  readonly reader: OutputReader;
  readonly notices: OutputNotices;
}

/**
 * The durable output of an execution from the given offsets on, live until the execution has ended. Reads only as fast as
 * the caller takes it: a slow follower slows nobody. Survives losing Redis (it looks by itself every few seconds) and
 * Postgres (it waits).
 */
export async function* followOutput(
  parts: FollowParts,
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
        const { ended } = yield* newOutput(parts.reader, executionId, offsets, signal);
        if (ended || !live) return;
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

/**
 * What is durable beyond `offsets`, which move along with what is given. Gives whether nothing will come any more: what was
 * durable when the row was final is all there is.
 */
export async function* newOutput(reader: OutputReader, executionId: string, offsets: Map<StreamName, number>, signal: AbortSignal): AsyncGenerator<OutputPiece, { readonly ended: boolean }> {
  const progress = await reader.progress(executionId);
  if (progress === undefined) return { ended: true };
  for (const [stream, start] of offsets) {
    for (let at = start; at < progress.durable[stream] && !signal.aborted; ) {
      // No more than was durable when that was asked: should Postgres have lost its end since it was read, others' pieces have more.
      const bytes = (await reader.read(executionId, stream, at)).subarray(0, progress.durable[stream] - at);
      if (bytes.length === 0) break;
      at += bytes.length;
      offsets.set(stream, at);
      yield { stream, start: at - bytes.length, bytes };
    }
  }
  return { ended: progress.state === "final" };
}
