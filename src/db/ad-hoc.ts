import { and, eq, sql } from "drizzle-orm";
import { timing } from "../domain/defaults.ts";
import { invalid } from "../domain/errors.ts";
import type { Db } from "./client.ts";
import { type Execution, executionColumns } from "./executions.ts";
import { ifActive, insertFirstEvent, type Lease, mustHaveEnvironment, type NewLease } from "./leases.ts";
import { inMs, rowsOf } from "./rows.ts";
import { executions, leases } from "./schema.ts";

/** Leases whose holder is an API client, and the executions that it asks for in them. */

/** What a request was made with: the same key with the same request means the same thing, asked for once more. */
export interface RequestKey {
  readonly key: string;
  readonly hash: Buffer;
}

type NewRow<T> = Omit<T, "idempotencyKey" | "requestHash">;

/** The company's lease of this key. Throws `invalid` when it was asked for with another request. */
export async function findKeyedLease(db: Db, companyId: string, { key, hash }: RequestKey): Promise<Lease | undefined> {
  const [row] = await db.select().from(leases).where(and(eq(leases.companyId, companyId), eq(leases.idempotencyKey, key)));
  if (row !== undefined) sameRequest(row.requestHash, hash, `idempotency key ${key} belongs to lease ${row.id}`);
  return row;
}

/** Inserts a lease in `requested`, with its first event. Null when its key has got one meanwhile. Throws `stale` like `insertLease`. */
export async function insertKeyedLease(db: Db, row: NewRow<NewLease>, key: RequestKey | null, who: string): Promise<Lease | null> {
  return db.transaction(async (tx) => {
    const [lease] = await tx
      .insert(leases)
      .values({ ...row, environmentId: ifActive(row.environmentId), idempotencyKey: key?.key ?? null, requestHash: key?.hash ?? null })
      .onConflictDoNothing({ target: [leases.companyId, leases.idempotencyKey], where: sql`idempotency_key is not null` })
      .returning();
    if (lease === undefined) return null;
    mustHaveEnvironment(lease, row);
    await insertFirstEvent(tx, lease.id, who);
    return lease;
  });
}

/** The lease's execution of this key. Throws `invalid` when it was asked for with another request. */
export async function findKeyedExecution(db: Db, leaseId: string, { key, hash }: RequestKey): Promise<Execution | undefined> {
  const [row] = await db.select(executionColumns).from(executions).where(and(eq(executions.leaseId, leaseId), eq(executions.idempotencyKey, key)));
  if (row !== undefined) sameRequest(row.requestHash, hash, `idempotency key ${key} belongs to execution ${row.id}`);
  return row;
}

/**
 * Inserts an execution if its lease is active, which it stays until the row is there: who ends the lease meanwhile waits
 * for this, and finds the execution. False when the lease is not active, or the key has got an execution meanwhile.
 */
export async function insertAdHocExecution(db: Db, row: NewRow<typeof executions.$inferInsert>, key: RequestKey | null): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [active] = await rowsOf(tx, sql`select 1 from environment_leases where id = ${row.leaseId} and status = 'active' and heartbeat_run_id is null for share`);
    if (active === undefined) return false;
    const made = await tx
      .insert(executions)
      .values({ ...row, idempotencyKey: key?.key ?? null, requestHash: key?.hash ?? null, dueAt: inMs(timing.ringAgain) as never })
      .onConflictDoNothing({ target: [executions.leaseId, executions.idempotencyKey], where: sql`idempotency_key is not null` })
      .returning({ id: executions.id });
    return made.length > 0;
  });
}

function sameRequest(before: Buffer | null, now: Buffer, whose: string): void {
  if (before?.equals(now) === true) return;
  throw invalid("idempotency_key_reused", `${whose}, which asks for something else; use another key`, { status: 409 });
}
