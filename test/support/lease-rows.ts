import { sql } from "drizzle-orm";
import type { Db } from "../../src/db/client.ts";
import { findLease, type Lease } from "../../src/db/leases.ts";
import { leases } from "../../src/db/schema.ts";
import { type Claim, newClaim } from "../../src/domain/claim.ts";
import { newId } from "../../src/domain/ids.ts";
import { isFinalLease, type LeaseState } from "../../src/domain/lease.ts";

export interface LeaseWish {
  state: LeaseState;
  fence?: number;
  claim?: Claim | null;
  /** The claim is over already. */
  lapsed?: boolean;
  patch?: Partial<typeof leases.$inferInsert>;
}

/** A lease in any state, with whatever that state needs to be legal. */
export async function insertLeaseIn(db: Db, companyId: string, wish: LeaseWish): Promise<Lease> {
  const id = newId();
  const { state } = wish;
  const later = new Date(Date.now() + 600_000);
  const had = state !== "requested" && state !== "acquiring";
  const ended = had && state !== "active";
  const claim = wish.claim ?? null;
  await db.insert(leases).values({
    id,
    companyId,
    state,
    backend: "local",
    provider: "local",
    resourceKey: id,
    fence: wish.fence ?? (state === "requested" ? 0 : 1),
    queueDeadline: later,
    maxExpiresAt: later,
    acquireDeadline: state === "requested" ? null : later,
    expiresAt: had ? later : null,
    acquiredAt: had ? new Date() : null,
    handle: had ? { v: 1 } : null,
    ending: ended ? (isFinalLease(state) ? (state as "released" | "expired" | "failed") : "released") : null,
    endedAt: ended ? new Date() : null,
    releasedAt: isFinalLease(state) ? new Date() : null,
    ...(claim === null
      ? {}
      : {
          claimOwner: claim.owner,
          claimToken: claim.token,
          claimUntil: sql`clock_timestamp() + make_interval(secs => ${wish.lapsed === true ? -1 : 600})` as never,
        }),
    ...wish.patch,
  });
  const row = await findLease(db, id);
  if (row === undefined) throw new Error("the row is not there");
  return row;
}

export { newClaim };
