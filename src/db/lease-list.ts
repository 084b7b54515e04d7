import { and, desc, eq, lt } from "drizzle-orm";
import { isFinalLease, type LeaseState } from "../domain/lease.ts";
import type { Db } from "./client.ts";
import type { Lease, LeaseEventRow } from "./leases.ts";
import { endedSql, leaseEvents, leases, openSql } from "./schema.ts";

export interface LeasePage {
  readonly limit: number;
  /** Begin before this id. */
  readonly before?: string | undefined;
  readonly state?: LeaseState | undefined;
  readonly environmentId?: string | undefined;
  readonly runId?: string | undefined;
  /** Only what has not ended. */
  readonly open?: boolean | undefined;
}

/** A page of a company's leases, newest first. The open ones, and those that ended in each way, have an index, named in its own words. */
export async function listLeases(db: Db, companyId: string, { limit, before, state, environmentId, runId, open }: LeasePage): Promise<Lease[]> {
  return db
    .select()
    .from(leases)
    .where(
      and(
        eq(leases.companyId, companyId),
        before === undefined ? undefined : lt(leases.id, before),
        state === undefined ? undefined : and(eq(leases.state, state), isFinalLease(state) ? endedSql : openSql),
        environmentId === undefined ? undefined : eq(leases.environmentId, environmentId),
        runId === undefined ? undefined : eq(leases.runId, runId),
        open === true ? openSql : undefined,
      ),
    )
    .orderBy(desc(leases.id))
    .limit(limit);
}

/** All that happened to a lease, in order. */
export async function listLeaseEvents(db: Db, leaseId: string): Promise<LeaseEventRow[]> {
  return db.select().from(leaseEvents).where(eq(leaseEvents.leaseId, leaseId)).orderBy(leaseEvents.at, leaseEvents.id);
}
