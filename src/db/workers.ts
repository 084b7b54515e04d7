import { sql } from "drizzle-orm";
import { timing } from "../domain/defaults.ts";
import type { Db } from "./client.ts";
import { inMs, rowsOf } from "./rows.ts";
import { workers } from "./schema.ts";

/** A worker process as it reports itself. */
export type WorkerRow = typeof workers.$inferInsert;

/** Says that this worker lives and what it serves. */
export async function beatWorker(db: Db, row: WorkerRow): Promise<void> {
  await db.insert(workers).values(row).onConflictDoUpdate({ target: workers.id, set: { beatAt: sql`clock_timestamp()`, backends: row.backends } });
}

/** Says that this worker has left. */
export async function removeWorker(db: Db, id: string): Promise<void> {
  await rowsOf(db, sql`delete from workers where id = ${id}`);
}

/** Living workers' backends and hosts. */
export async function livingBackends(db: Db): Promise<{ backend: string; host: string }[]> {
  const rows = await rowsOf(
    db,
    sql`select distinct b as backend, host from workers, unnest(backends) b where beat_at > ${inMs(-timing.workerLife)}`,
  );
  return rows.map((r) => ({ backend: String(r["backend"]), host: String(r["host"]) }));
}

/** Which of `backends` no living worker serves. */
export async function unserved(db: Db, backends: readonly string[]): Promise<string[]> {
  const rows = await rowsOf(
    db,
    sql`select b from unnest(${sql.param(`{${backends.join(",")}}`)}::text[]) b
        where not exists (select 1 from workers w where b = any(w.backends) and w.beat_at > ${inMs(-timing.workerLife)})`,
  );
  return rows.map((r) => String(r["b"]));
}

/** Forgets workers that have been silent for long. */
export async function purgeWorkers(db: Db): Promise<void> {
  await rowsOf(db, sql`delete from workers where beat_at < ${inMs(-10 * timing.workerLife)}`);
}
