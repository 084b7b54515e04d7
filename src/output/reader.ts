import DataLoader from "dataloader";
import { LRUCache } from "lru-cache";
import type { Db } from "../db/client.ts";
import { findProgress, type OutputProgress, readOutput } from "../db/output.ts";
import { limits } from "../domain/defaults.ts";
import type { StreamName } from "../domain/execution.ts";

/** Where followers read. */
export interface OutputReader {
  /** How far an execution has got, read after this was asked; undefined when it is not there. */
  progress(executionId: string): Promise<OutputProgress | undefined>;
  /** Durable bytes from `offset` on, as many as come at once; empty at the end of what is durable. */
  read(executionId: string, stream: StreamName, offset: number): Promise<Buffer>;
}

interface Wish {
  readonly executionId: string;
  readonly stream: StreamName;
  readonly offset: number;
}

/** What a kept piece takes beside its bytes, roughly. */
const overhead = 512;

/**
 * Reads for all followers of a process, so that what many want is read once: one statement asks how far all executions have
 * got that anybody asks about while the last one is under way, and the last pieces that were read are kept for others (what is
 * durable at an offset never changes).
 */
export function openReader(db: Db): OutputReader {
  let under: Promise<unknown> = Promise.resolve();
  const progress = new DataLoader<string, OutputProgress | undefined>(
    async (ids) => {
      const asked = findProgress(db, [...new Set(ids)]);
      under = asked.catch(() => {});
      const found = await asked;
      return ids.map((id) => found.get(id));
    },
    { cache: false, batchScheduleFn: (dispatch) => void under.then(dispatch) },
  );
  const pieces = new LRUCache<string, Buffer, Wish>({
    maxSize: limits.outputShared,
    sizeCalculation: (bytes) => bytes.length + overhead,
    ignoreFetchAbort: true,
    fetchMethod: async (_key, _stale, { context: { executionId, stream, offset } }) => {
      const bytes = await readOutput(db, executionId, stream, offset);
      // The end moves on.
      return bytes.length === 0 ? undefined : bytes;
    },
  });
  return {
    progress: (executionId) => progress.load(executionId),
    read: async (executionId, stream, offset) => (await pieces.fetch(`${executionId} ${stream} ${offset}`, { context: { executionId, stream, offset } })) ?? Buffer.alloc(0),
  };
}
