import { type Job, Queue } from "bullmq";
import type { Logger } from "pino";
import { catalog } from "../queues/catalog.ts";
import { openPatientConnection, type RedisAddress } from "../queues/connection.ts";
import { removeHostQueues } from "../queues/host-queues.ts";
import { timing } from "../src/domain/defaults.ts";
import { transient } from "../src/domain/errors.ts";
import type { Fleet } from "../src/leases/fleet.ts";
import { forgetHosts } from "../src/leases/forget-hosts.ts";
import { purge, sweep, type Swept } from "../src/leases/sweep.ts";
import { openWorkers } from "./host.ts";
import { outcomeOf, payloadOf } from "./outcome.ts";

/**
 * Sweeps once a second: by a scheduled job on `reaper`, so that operators see it, and by a plain timer whenever no such
 * job came, so that its pace does not depend on Redis. Many reapers may run.
 */
export function openReaper(fleet: Fleet, address: RedisAddress, log: Logger): { close(): Promise<void> } {
  let lastSweep = performance.now();
  let under: Promise<unknown> | null = null;
  let heldUntil = 0;
  let clock: Swept["clock"] | undefined;
  // What nobody can be rung for is not ended for not having been renewed.
  const sweepHolding = async (): Promise<unknown> => {
    if (!(await fleet.bells.heard())) heldUntil = performance.now() + timing.leaseLife;
    const swept = await sweepAndTell(fleet, log, { hold: performance.now() < heldUntil, before: clock });
    clock = swept.clock;
    return swept;
  };

  const sweepOnce = (): Promise<unknown> => {
    lastSweep = performance.now();
    under ??= within(timing.sweepLimit, sweepHolding()).finally(() => {
      under = null;
    });
    return under;
  };

  const schedule = openPatientConnection(address, () => {});
  const queue = new Queue(catalog.sweep.queue(), { connection: schedule, prefix: address.prefix });
  queue.on("error", (error) => log.warn({ err: error }, "reaper queue"));
  const plan = (): void => {
    queue
      .upsertJobScheduler("sweep", { every: timing.sweep }, { name: "sweep", data: { v: 1 }, opts: { attempts: 1, ...catalog.sweep.keep } })
      .catch((err: unknown) => log.warn({ err }, "could not schedule sweeps; the timer sweeps"));
  };
  schedule.on("ready", plan);

  const timer = setInterval(() => {
    if (performance.now() - lastSweep < 2 * timing.sweep) return;
    // No job came: Redis is away, or was flushed and has forgotten the schedule.
    if (schedule.status === "ready") plan();
    sweepOnce().catch((err: unknown) => log.warn({ err }, "a sweep failed; the next one tries again"));
  }, timing.sweep);
  const stopPurging = purgeRegularly(fleet, address, log);

  const processor = (job: Job): Promise<unknown> => {
    payloadOf(catalog.sweep.payload, job);
    return outcomeOf(log, sweepOnce);
  };
  const workers = openWorkers(address, [{ queue: catalog.sweep.queue(), concurrency: 1, processor }], log);
  return {
    close: async () => {
      clearInterval(timer);
      stopPurging();
      await workers.close();
      schedule.disconnect();
      await under?.catch(() => {});
    },
  };
}

async function sweepAndTell(fleet: Fleet, log: Logger, options: Parameters<typeof sweep>[1]): Promise<Swept> {
  const swept = await sweep(fleet, options);
  const { clock: _, ...counts } = swept;
  if (swept.expired + swept.timedOut + swept.overdue + swept.stuck > 0) log.info(counts, "swept");
  return swept;
}

/** Beside the sweeps, at a pace of its own: deleting much takes long. */
function purgeRegularly(fleet: Fleet, address: RedisAddress, log: Logger): () => void {
  let timer: NodeJS.Timeout;
  const next = (afterMs: number): void => {
    timer = setTimeout(() => {
      purge(fleet)
        .then((gone) => log.info(gone, "purged"))
        .then(() => forgetHosts(fleet, (host, backends) => removeHostQueues(address, host, backends)))
        .catch((err: unknown) => log.warn({ err }, "could not purge; will try again"))
        .finally(() => next(timing.purge));
    }, afterMs);
    timer.unref();
  };
  next(timing.purgeFirst);
  return () => clearTimeout(timer);
}

/** What `work` gives, or an error after so many milliseconds; a statement that hangs is left to itself. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(transient("sweep_timeout", `the database did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
