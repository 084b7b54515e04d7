import type { ClockReading } from "../db/clock-jump.ts";
import { abandonedReleases, expiredLeases, markOverdueRuns, type Purged, purgeEnded, renewWaiting, stuckLeases, takeDueAccepted, takeDueExecutions, takeDueReleases, takeDueRuns, unacquiredLeases, unqueuedLeases, waitingAcquires } from "../db/due.ts";
import { deadlinesHold, tick } from "../db/installation.ts";
import { type Lease, type LeaseMove, moveLease, moveLeases } from "../db/leases.ts";
import { inMs } from "../db/rows.ts";
import { type PurgedSecrets, purgeSecrets } from "../db/secret-keys.ts";
import { livingBackends, purgeWorkers } from "../db/workers.ts";
import { pools, timing } from "../domain/defaults.ts";
import { isKind } from "../domain/errors.ts";
import { oldestCause } from "../domain/bells.ts";
import type { LeaseEvent } from "../domain/lease.ts";
import type { Fleet } from "./fleet.ts";

/** What one sweep found to do. */
export interface Swept {
  /** The database's clock, for this process's next sweep to see whether it was set. */
  readonly clock: ClockReading;
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
export async function sweep(fleet: Fleet, options: { hold?: boolean; before?: ClockReading | undefined } = {}): Promise<Swept> {
  const now = await tick(fleet.db, options.before);
  if (now.jumpMs !== 0) fleet.log.warn({ jumpMs: Math.round(now.jumpMs) }, "the database's clock was set: deadlines follow it");
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
    const abandoned = await abandonedReleases(fleet.db);
    for (const reason of new Set(abandoned.map(({ why }) => why))) {
      stuck += await moveAll(fleet, abandoned.filter(({ why }) => why === reason).map(({ lease }) => lease), "abandon", reason);
    }
  }
  await moveAll(fleet, await stuckLeases(fleet.db), "retry", "its next try has come");
  const rung = await ringDue(fleet);
  return { clock: now.clock, calm: now.calm, renewed, expired, timedOut, overdue, rung, stuck };
}

/** Deletes what ended longer ago than the retention, a small batch at a time. */
export async function purge(fleet: Fleet, olderThanMs: number = timing.retention): Promise<Purged & PurgedSecrets> {
  await purgeWorkers(fleet.db);
  const total = { runs: 0, leases: 0, activity: 0, secrets: 0, accesses: 0 };
  for (;;) {
    const gone = { ...(await purgeEnded(fleet.db, olderThanMs)), ...(await purgeSecrets(fleet.db, olderThanMs)) };
    total.runs += gone.runs;
    total.leases += gone.leases;
    total.activity += gone.activity;
    total.secrets += gone.secrets;
    total.accesses += gone.accesses;
    if (Object.values(gone).every((n) => n === 0)) return total;
  }
}

/** Moves the leases; those that moved on by themselves meanwhile do not count. Release bells follow from being due. */
async function moveAll(fleet: Fleet, leases: readonly Lease[], event: LeaseEvent, why: string): Promise<number> {
  const move = { event, who: fleet.who, why, patch: patchFor(event, why), unlessRenewed: event === "expire", ...(event === "retry" ? {} : { onlyIf: deadlinesHold }) };
  const moved = await moveLeases(fleet.db, leases, move).catch(async (err: unknown) => {
    // One row that cannot be moved must not keep the others waiting.
    fleet.log.error({ err }, `could not ${event} ${leases.length} leases at once; trying each`);
    return moveEach(fleet, leases, move);
  });
  await Promise.all(moved.flatMap((lease) => (lease.runId === null ? [] : [fleet.bells.run(lease.runId, `${event}-${lease.fence}`)])));
  return moved.length;
}

async function moveEach(fleet: Fleet, leases: readonly Lease[], move: LeaseMove): Promise<Lease[]> {
  const moved: Lease[] = [];
  for (const lease of leases) {
    try {
      moved.push(await moveLease(fleet.db, lease, move));
    } catch (err) {
      if (!isKind(err, "stale")) fleet.log.error({ err, lease: lease.id }, `could not ${move.event} a lease`);
    }
  }
  return moved;
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
    ...accepted.map((r) => bells.run(r.id, oldestCause, r.rank)),
    ...runs.map((r) => bells.run(r.id, `due-${r.version}`)),
    ...releases.map((r) => bells.step({ verb: "release", ...r })),
    ...executions.map((x) => bells.step({ verb: "execute", ...x })),
    ...acquires.map((a) => bells.step({ verb: "acquire", ...a, cause: `due-${nextCause}` })),
  ]);
  return accepted.length + runs.length + releases.length + executions.length + acquires.length;
}
