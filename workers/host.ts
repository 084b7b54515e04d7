import { type Processor, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { openPatientConnection, type RedisAddress } from "../queues/connection.ts";
import { retention, timing } from "../src/domain/defaults.ts";
import { knowingItsJob } from "./onward.ts";

/** One queue to be worked on. */
export interface Intake {
  readonly queue: string;
  readonly concurrency: number;
  readonly processor: Processor;
}

export interface WorkerHost {
  /** Takes no new jobs from now on. */
  readonly pause: () => void;
  /** Leaves a queue's jobs to others for now, or takes them again. Jobs under way go on. */
  rest(queue: string, resting: boolean): void;
  /** Waits for jobs under way, at most `deadlineMs`; what is left then is left to others. */
  close(deadlineMs?: number): Promise<void>;
}

/** Runs BullMQ workers for the given queues in this process. */
export function openWorkers(address: RedisAddress, intakes: readonly Intake[], log: Logger): WorkerHost {
  const connection: Redis = openPatientConnection(address, (error) => log.warn({ err: error }, "Redis cannot be reached"));
  const workers = intakes.map(({ queue, concurrency, processor }) => {
    const worker = new Worker(queue, knowingItsJob(processor), {
      connection,
      prefix: address.prefix,
      concurrency,
      // A lost lock is only another bell: claims in Postgres decide who works. Short, so that a dead worker's bell rings again soon.
      lockDuration: timing.jobLock,
      stalledInterval: timing.jobLock / 2,
      maxStalledCount: 100,
      drainDelay: 5,
      runRetryDelay: timing.queueRetry,
      // For jobs that producers added without saying how long to keep them.
      removeOnComplete: retention.completedJobs,
      removeOnFail: retention.failedJobs,
    });
    worker.on("error", (error) => log.warn({ err: error, queue }, "BullMQ worker"));
    return worker;
  });
  let closing: Promise<unknown> | null = null;
  const pause = (): void => {
    closing ??= Promise.allSettled(workers.map((worker) => worker.close()));
  };
  const rest = (queue: string, resting: boolean): void => {
    const worker = workers.find((one) => one.name === queue);
    if (worker === undefined || closing !== null || worker.isPaused() === resting) return;
    const done = resting ? worker.pause(true) : Promise.resolve(worker.resume());
    done.catch((err: unknown) => log.warn({ err, queue }, "could not rest"));
  };
  return {
    pause,
    rest,
    close: async (deadlineMs = timing.shutdown) => {
      pause();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<"late">((resolve) => {
        timer = setTimeout(() => resolve("late"), deadlineMs);
      });
      if ((await Promise.race([closing, late])) === "late") {
        // Not waited for: without Redis, BullMQ's own close has no end. The process is about to leave.
        log.warn({ deadlineMs }, "leaving jobs to other workers");
        for (const worker of workers) worker.disconnect().catch(() => {});
      }
      clearTimeout(timer);
      connection.disconnect();
    },
  };
}
