import DataLoader from "dataloader";
import type { Db } from "../db/client.ts";
import { type ExecutionNews, extendExecutionClaim, extendExecutionClaims, type HeldExecution } from "../db/execution-claims.ts";
import { type HeldLease, renewLease, renewLeases } from "../db/lease-renewal.ts";
import { limits, timing } from "../domain/defaults.ts";

/**
 * Extends a claim on an execution together with the others that this process holds and that are due at about the same
 * time: a worker that follows thousands of commands asks a few times a second, not thousands of times. Null when the
 * claim is not mine any more.
 */
export const extendTogether = together<HeldExecution, ExecutionNews>(extendExecutionClaims, extendExecutionClaim);

/** Renews a lease together with others, in the same way. Gives its new expiry; null when it is not to be renewed any more. */
export const renewTogether = together<HeldLease, Date>(renewLeases, renewLease);

/**
 * Has `all` do for many rows what `one` does for one. What `all` says nothing of is asked of `one`: only the row itself can
 * say whether it is mine no more, or was locked just now, and for that nobody else waits.
 */
function together<Row extends { readonly id: string }, Answer>(
  all: (db: Db, rows: readonly Row[]) => Promise<Map<string, Answer>>,
  one: (db: Db, row: Row) => Promise<Answer | null>,
): (db: Db, row: Row) => Promise<Answer | null> {
  const byDatabase = new WeakMap<Db, DataLoader<Row, Answer | null>>();
  const loaderOf = (db: Db): DataLoader<Row, Answer | null> =>
    new DataLoader(
      async (rows) => {
        // A single one is not worth the more costly statement.
        if (rows.length === 1) return [null];
        const answers = await all(db, rows);
        return rows.map(({ id }) => answers.get(id) ?? null);
      },
      { cache: false, maxBatchSize: limits.claimsTogether, batchScheduleFn: (callback) => void setTimeout(callback, timing.claimsTogether) },
    );
  return async (db, row) => {
    const loader = byDatabase.get(db) ?? loaderOf(db);
    byDatabase.set(db, loader);
    return (await loader.load(row)) ?? one(db, row);
  };
}
