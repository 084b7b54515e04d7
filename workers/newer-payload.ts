import { DelayedError, type Job, UnrecoverableError } from "bullmq";
import type { Logger } from "pino";
import { payloadVersion } from "../queues/catalog.ts";
import { attempts, timing } from "../src/domain/defaults.ts";
import { invalid } from "../src/domain/errors.ts";

/** What a job fails with, for good, when only a newer version could read it. */
export function payloadUnknown(job: Job, what: string): UnrecoverableError {
  const { v } = job.data as { v: unknown };
  const { code, message } = invalid("payload_version_unknown", `the payload has version ${String(v)}, this worker knows versions up to ${payloadVersion}; ${what}`);
  return new UnrecoverableError(`${code}: ${message}`);
}

/**
 * Leaves a job that there is no other copy of to a worker that can read it: it goes back to the queue, for longer each time.
 * After about an hour it fails for good, and stays among the failed ones.
 */
export async function leaveToNewer(job: Job, token: string | undefined, log: Logger): Promise<never> {
  if (job.attemptsStarted >= attempts.newer) throw payloadUnknown(job, "and no newer one took it. Upgrade the workers, then retry this job or submit it again");
  const waitMs = Math.min(timing.newerMax, timing.retryBase * 2 ** Math.max(0, job.attemptsStarted - 1));
  log.warn({ job: job.id, queue: job.queueName, waitMs }, "left a job to a newer worker: its payload has a version that this one does not know");
  await job.moveToDelayed(Date.now() + waitMs, token);
  throw new DelayedError();
}
