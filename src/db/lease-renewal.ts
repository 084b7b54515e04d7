import { and, eq, sql } from "drizzle-orm";
import type { Claim } from "../domain/claim.ts";
import { timing } from "../domain/defaults.ts";
import type { Db } from "./client.ts";
import { decode, inMs, rowsOf } from "./rows.ts";
import { leases } from "./schema.ts";

/** A lease as its worker has it: the fence, and the claim on an execution in it by which it may be renewed. */
export interface HeldLease {
  readonly id: string;
  readonly fence: number;
  readonly execution: string;
  readonly claim: Claim;
}

/**
 * Renews an active lease: from now, never past its hard end. Legal until its expiry has been committed, and without an
 * event row: it happens every half minute. A worker renews only while it holds the claim on an execution in it. Gives the
 * new expiry, or null when the lease is not active with this fence.
 */
export async function renewLease(db: Db, lease: Pick<HeldLease, "id" | "fence"> & Partial<HeldLease>, lifeMs: number = timing.leaseLife): Promise<Date | null> {
  const { id, fence, execution, claim } = lease;
  const alive = claim && sql`exists (select 1 from executions x where x.id = ${execution} and x.claim_token = ${claim.token} and x.claim_until > clock_timestamp())`;
  const [row] = await db
    .update(leases)
    .set({ expiresAt: sql`least(${inMs(lifeMs)}, max_expires_at)` as never, updatedAt: sql`clock_timestamp()` as never })
    .where(and(eq(leases.id, id), eq(leases.state, "active"), eq(leases.fence, fence), alive))
    .returning({ expiresAt: leases.expiresAt });
  return row?.expiresAt ?? null;
}

/**
 * Renews many in one statement; the new expiries by lease id. One that is missing in the answer is not to be renewed any
 * more, or its row is locked at the moment: one statement must not wait for a single row while all others run out.
 */
export async function renewLeases(db: Db, held: readonly HeldLease[]): Promise<Map<string, Date>> {
  const column = (values: readonly (string | number)[]) => sql.param(`{${values.join(",")}}`);
  const rows = await rowsOf(
    db,
    sql`update environment_leases l set expires_at = least(${inMs(timing.leaseLife)}, l.max_expires_at), updated_at = clock_timestamp() where l.id = any(array(
          select w.id from unnest(${column(held.map(({ id }) => id))}::uuid[], ${column(held.map(({ fence }) => fence))}::int[],
              ${column(held.map(({ execution }) => execution))}::uuid[], ${column(held.map(({ claim }) => claim.token))}::uuid[]) as held (id, fence, execution, token)
            join environment_leases w on w.id = held.id join executions x on x.id = held.execution
          where w.fence = held.fence and x.claim_token = held.token and x.claim_until > clock_timestamp() for no key update of w skip locked
        )) and l.status = 'active' returning l.id, l.expires_at`,
  );
  return new Map(rows.map((row) => [String(row["id"]), decode(leases, row).expiresAt as Date]));
}
