import { sql, type SQL } from "drizzle-orm";

/**
 * The part of a statement that makes a run due because something it waits for has happened. The version grows, so that
 * a decision made from what was true before fails its compare-and-set and is made again.
 */
export const wakeRunSql = (runId: SQL): SQL => wake(sql`id = ${runId}`);

/** The same for all runs whose ids `runIds` selects. */
export const wakeRunsSql = (runIds: SQL): SQL => wake(sql`id = any(array(${runIds}))`);

const wake = (which: SQL): SQL => sql`update runs set due_at = clock_timestamp(), version = version + 1 where ${which} and phase <> 'ended'`;
