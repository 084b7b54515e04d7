import { sql, type SQL } from "drizzle-orm";
import type { Claim } from "../domain/claim.ts";
import { timing } from "../domain/defaults.ts";
import { isKind } from "../domain/errors.ts";
import type { Db } from "./client.ts";
import { findLease, type Lease, moveLease } from "./leases.ts";
import { type AcquireScope, isFirst, lockPlaces, nextBegun, nextWaiting, type NextLease } from "./next-lease.ts";
import { inMs, rowsOf } from "./rows.ts";

/**
 * Claims the next lease of a backend: one whose acquire was begun and stands still, else the first of those that wait, see
 * next-lease.ts. Null when there is none to be had.
 *
 * Looking locks nothing. What was seen is said again in the statement that takes it, the company's last turn too: of many
 * workers that saw the same, one takes it, and the others look again. Locks are taken in the order company, environment,
 * turn, lease.
 */
export async function claimNextLease(db: Db, scope: AcquireScope, claim: Claim, who: string): Promise<Lease | null> {
  for (;;) {
    const begun = await nextBegun(db, scope);
    const next = begun === null ? await nextWaiting(db, scope) : null;
    if (begun === null && next === null) return null;
    try {
      if (begun !== null) return await take(db, scope, begun, claim, who);
      if (next !== null) {
        const lease = await (next.limited && next.lease.fence === 0
          ? db.transaction((tx) => takeCounted(tx, scope, next, claim, who))
          : take(db, scope, next.lease, claim, who, { nextTurn: turnAfter(scope, next) }));
        if (lease !== null) return lease;
      }
    } catch (error) {
      // Somebody was quicker, or it ended meanwhile.
      if (!isKind(error, "stale")) throw error;
    }
  }
}

/** Takes a lease that needs a place of its environment or its company, under their locks. Null when it is not next any more. */
async function takeCounted(tx: Db, scope: AcquireScope, next: NextLease, claim: Claim, who: string): Promise<Lease | null> {
  if (!(await lockPlaces(tx, next.lease)) || !(await isFirst(tx, scope, next.lease))) return null;
  return take(tx, scope, next.lease, claim, who, { nextTurn: turnAfter(scope, next), inTransaction: true });
}

/** Gives the company its turn, if it has had none since it was looked at. */
const turnAfter = ({ backend }: AcquireScope, { lease, turn }: NextLease): SQL => sql`
  insert into acquire_turns (backend, company_id, turn) values (${backend}, ${lease.companyId}, nextval('acquire_turn'))
  on conflict (backend, company_id) do ${turn === null ? sql`nothing` : sql`update set turn = excluded.turn where acquire_turns.turn = ${turn}::bigint`} returning turn`;

interface TakeOptions {
  readonly nextTurn?: SQL;
  readonly inTransaction?: boolean;
}

const take = (db: Db, scope: AcquireScope, lease: Lease, claim: Claim, who: string, { nextTurn, inTransaction = false }: TakeOptions = {}): Promise<Lease> =>
  moveLease(
    db,
    lease,
    {
      event: "claim",
      who,
      claim,
      ...(nextTurn === undefined ? {} : { onlyWith: nextTurn }),
      patch: {
        endpoint: scope.endpoint ?? null,
        ...(scope.binds && lease.host === null ? { host: scope.host } : {}),
        ...(lease.acquireDeadline === null ? { acquireDeadline: inMs(timing.acquireWait) } : {}),
      },
    },
    { inTransaction },
  );

/** Claims a lease for its release. Null when it is not there to be released, or somebody alive is at it. */
export async function claimRelease(db: Db, id: string, claim: Claim, who: string): Promise<Lease | null> {
  const lease = await findLease(db, id);
  if (lease?.state !== "releasing") return null;
  try {
    return await moveLease(db, lease, { event: "claim_release", who, claim });
  } catch (error) {
    if (isKind(error, "stale")) return null;
    throw error;
  }
}

/** Whether places are counted for the lease: its environment's, or its company's over all environments. */
export async function countsPlaces(db: Db, lease: Pick<Lease, "environmentId" | "companyId">): Promise<boolean> {
  const rows = await rowsOf(
    db,
    sql`select 1 from companies where id = ${lease.companyId} and max_leases is not null
        union all select 1 from environments where id = ${lease.environmentId} and max_leases is not null limit 1`,
  );
  return rows.length > 0;
}
