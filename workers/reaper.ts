import { type Job, Queue } from "bullmq";
import type { Logger } from "pino";
import { catalog } from "../queues/catalog.ts";
import { openPatientConnection, type RedisAddress } from "../queues/connection.ts";
import { timing } from "../src/domain/defaults.ts";
import type { Fleet } from "../src/leases/fleet.ts";
import { purge, sweep } from "../src/leases/sweep.ts";
import { openWorkers } from "./host.ts";
import { payloadOf } from "./outcome.ts";

const purgeEvery = 60 * 60 * 1000;

/**
 * Sweeps once a second: by a scheduled job on `reaper`, so that operators see it, and by a plain timer whenever no such
 * job came, so that its pace does not depend on Redis. Many reapers may run.
 */
export function openReaper(fleet: Fleet, address: RedisAddress, log: Logger): { close(): Promise<void> } {
  let lastSweep = performance.now();
  let lastPurge = performance.now();
  let under: Promise<unknown> | null = null;

  const sweepOnce = (): Promise<unknown> => {
    under ??= work().finally(() => {
      under = null;
    });
    return under;
  };
  const work = async () => {
    lastSweep = performance.now();
    const swept = await sweep(fleet);
    if (swept.expired + swept.timedOut + swept.overdue + swept.stuck > 0) log.info(swept, "swept");
    if (performance.now() - lastPurge > purgeEvery) {
      lastPurge = performance.now();
      log.info(await purge(fleet), "purged");
    }
    return swept;
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

  const workers = openWorkers(
    address,
    [
      {
        queue: catalog.sweep.queue(),
        concurrency: 1,
        processor: (job: Job) => {
          payloadOf(catalog.sweep.payload, job);
          return sweepOnce();
        },
      },
    ],
    log,
  );
  return {
    close: async () => {
      clearInterval(timer);
      await workers.close();
      await queue.close().catch(() => {});
      schedule.disconnect();
      await under?.catch(() => {});
    },
  };
}
