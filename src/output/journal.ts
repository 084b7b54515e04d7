import type { Readable } from "node:stream";
import { limits } from "../domain/defaults.ts";

/**
 * Makes a stream's bytes durable, in order, from `start` on. While one piece is being committed the next is collected, up
 * to a bound; above it the stream is paused, so memory stays bounded whatever the command prints.
 *
 * Settles with the offset up to which everything is durable when the stream has ended. Rejects, with the stream
 * destroyed, when a commit fails or `signal` fires.
 */
export async function journal(stream: Readable, start: number, commit: (start: number, bytes: Buffer) => Promise<void>, signal: AbortSignal): Promise<number> {
  let durable = start;
  let waiting: Buffer[] = [];
  let size = 0;
  let committing: Promise<void> | null = null;
  let failure: unknown;

  const drain = async (): Promise<void> => {
    while (size > 0 && failure === undefined) {
      const piece = take();
      await commit(durable, piece);
      durable += piece.length;
    }
  };
  const take = (): Buffer => {
    const all = Buffer.concat(waiting);
    const piece = all.subarray(0, limits.outputChunk);
    const rest = all.subarray(limits.outputChunk);
    waiting = rest.length > 0 ? [rest] : [];
    size = rest.length;
    return piece;
  };
  const begin = (): Promise<void> => {
    committing ??= drain()
      .catch((error: unknown) => {
        failure = error;
        stream.destroy();
      })
      .finally(() => {
        committing = null;
      });
    return committing;
  };

  const abort = () => {
    failure ??= signal.reason;
    stream.destroy();
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    if (signal.aborted) abort();
    else {
      for await (const piece of stream as AsyncIterable<Buffer>) {
        waiting.push(piece);
        size += piece.length;
        const under = begin();
        if (size >= limits.outputInFlight) await under;
        if (failure !== undefined) break;
      }
      if (failure === undefined) await begin();
    }
  } catch (error) {
    failure ??= error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
  if (failure !== undefined) throw failure;
  return durable;
}
