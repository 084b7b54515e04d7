import { abandonedReleases, expiredLeases, markOverdueRuns, type Purged, purgeEnded, renewWaiting, stuckLeases, takeDueAccepted, takeDueExecutions, takeDueReleases, takeDueRuns, unacquiredLeases, unqueuedLeases, waitingAcquires } from "../db/due.ts";
import { tick } from "../db/installation.ts";
import { type Lease, moveLease } from "../db/leases.ts";
import { inMs } from "../db/rows.ts";
import { livingBackends, purgeWorkers } from "../db/workers.ts";
import { pools, timing } from "../domain/defaults.ts";
import { isKind } from "../domain/errors.ts";
import { acceptedCause } from "../domain/bells.ts";
import type { LeaseEvent } from "../domain/lease.ts";
import type { Fleet } from "./fleet.ts";

/** What one sweep found to do. */
export interface Swept {
  readonly calm: boolean;
  readonly renewed: number;
  readonly expired: number;
  readonly timedOut: number;
  readonly overdue: number;
  readonly rung: number;
  readonly stuck: number;
}

/**
 * Looks for everything that is overdue, once. Safe to run in many processes at once and at any time: each change is a
 * guarded transition or a batch under SKIP LOCKED, each bell may be rung twice.
 *
 * After an outage or a jump of the database's clock, nothing is expired or timed out until one lease life has passed; nor
 * while the caller holds, because bells are not heard and so nobody can be called to renew.
 */
export async function sweep(fleet: Fleet, options: { hold?: boolean } = {}): Promise<Swept> {
  const now = await tick(fleet.db);
  if (now.outage) fleet.log.warn({ calmForMs: timing.leaseLife }, "the fleet was away or the clock jumped: nothing expires until the living have renewed");
  const renewed = await renewWaiting(fleet.db);
  let expired = 0;
  let timedOut = 0;
  let overdue = 0;
  let stuck = 0;
  if (!now.calm && options.hold !== true) {
    expired = await moveAll(fleet, await expiredLeases(fleet.db), "expire", "not renewed in time");
    timedOut =
      (await moveAll(fleet, await unqueuedLeases(fleet.db), "timeout", "no place became free in time")) +
      (await moveAll(fleet, await unacquiredLeases(fleet.db), "timeout", "took too long to acquire"));
    overdue = await markOverdueRuns(fleet.db);
    stuck = await moveAll(fleet, await abandonedReleases(fleet.db), "abandon", "host_lost");
  }
  await moveAll(fleet, await stuckLeases(fleet.db), "retry", "daily");
  const rung = await ringDue(fleet);
  return { calm: now.calm, renewed, expired, timedOut, overdue, rung, stuck };
}

/** Deletes what ended longer ago than the retention, a small batch at a time. */
export async function purge(fleet: Fleet, olderThanMs: number = timing.retention): Promise<Purged> {
  await purgeWorkers(fleet.db);
  const total: Purged = { runs: 0, leases: 0, activity: 0 };
  for (;;) {
    const gone = await purgeEnded(fleet.db, olderThanMs);
    total.runs += gone.runs;
    total.leases += gone.leases;
    total.activity += gone.activity;
    if (gone.runs + gone.leases + gone.activity === 0) return total;
  }
}

/** Moves each lease; one that moved on by itself meanwhile does not count. Release bells follow from being due. */
async function moveAll(fleet: Fleet, leases: readonly Lease[], event: LeaseEvent, why: string): Promise<number> {
  const moved: Lease[] = [];
  for (const lease of leases) {
    try {
      moved.push(await moveLease(fleet.db, lease, { event, who: fleet.who, why, patch: patchFor(event, why), unlessRenewed: event === "expire" }));
    } catch (error) {
      // One row that cannot be moved must not keep the others waiting.
      if (!isKind(error, "stale")) fleet.log.error({ err: error, lease: lease.id }, `could not ${event} a lease`);
    }
  }
  await Promise.all(moved.flatMap((lease) => (lease.runId === null ? [] : [fleet.bells.run(lease.runId, `${event}-${lease.fence}`)])));
  return moved.length;
}

function patchFor(event: LeaseEvent, why: string) {
  if (event === "expire" || event === "timeout") return { failureReason: why };
  return event === "abandon" ? { failureReason: why, dueAt: inMs(timing.stuckRetry) } : {};
}

/** Acquire bells of successive sweeps have different causes: each may start one more worker draining the backend, up to this many. */
const acquireCauses = pools.steps;
let nextCause = 0;

async function ringDue(fleet: Fleet): Promise<number> {
  nextCause = (nextCause + 1) % acquireCauses;
  const { db, bells } = fleet;
  const [accepted, runs, releases, executions, acquires] = await Promise.all([
    takeDueAccepted(db),
    takeDueRuns(db),
    takeDueReleases(db),
    takeDueExecutions(db),
    livingBackends(db).then((served) => waitingAcquires(db, served)),
  ]);
  await Promise.all([
    ...accepted.map((r) => bells.run(r.id, acceptedCause, r.rank)),
    ...runs.map((r) => bells.run(r.id, `due-${r.version}`)),
    ...releases.map((r) => bells.step({ verb: "release", ...r })),
    ...executions.map((x) => bells.step({ verb: "execute", ...x })),
    ...acquires.map((a) => bells.step({ verb: "acquire", ...a, cause: `due-${nextCause}` })),
  ]);
  return accepted.length + runs.length + releases.length + executions.length + acquires.length;
}
