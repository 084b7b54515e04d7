import DataLoader from "dataloader";
import type { Db } from "../db/client.ts";
import { type ExecutionNews, extendExecutionClaim, extendExecutionClaims, type HeldExecution } from "../db/execution-claims.ts";
import { limits, timing } from "../domain/defaults.ts";

type Extending = DataLoader<HeldExecution, ExecutionNews | null>;

const byDatabase = new WeakMap<Db, Extending>();

/**
 * Extends a claim on an execution together with the others that this process holds and that are due at about the same
 * time: a worker that follows thousands of commands asks a few times a second, not thousands of times. Null when the
 * claim is not mine any more.
 */
export async function extendTogether(db: Db, held: HeldExecution): Promise<ExecutionNews | null> {
  const known = byDatabase.get(db) ?? extending(db);
  byDatabase.set(db, known);
  // Only the row itself can say whether a claim was lost or its row was locked just now; for that nobody else waits.
  return (await known.load(held)) ?? extendExecutionClaim(db, held);
}

const extending = (db: Db): Extending =>
  new DataLoader(
    async (held) => {
      // A single one is not worth the more costly statement.
      if (held.length === 1) return [null];
      const news = await extendExecutionClaims(db, held);
      return held.map(({ id }) => news.get(id) ?? null);
    },
    { cache: false, maxBatchSize: limits.claimsTogether, batchScheduleFn: (callback) => void setTimeout(callback, timing.claimsTogether) },
  );
