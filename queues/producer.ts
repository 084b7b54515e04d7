import { randomUUID } from "node:crypto";
import { Queue } from "bullmq";
import { catalog, runSubmission, type RunSubmission } from "./catalog.ts";
import { openPatientConnection } from "./connection.ts";

export { runSubmission, type RunSubmission } from "./catalog.ts";
export type { RunRequestInput as RunRequest } from "../src/domain/request.ts";

/** For producers that have only Redis. Any BullMQ client can do the same: add a `runSubmission` to the queue `runs`. */
export interface RunProducer {
  /**
   * Puts a run on the queue. It is accepted once a worker has written it down; until then Redis has the only copy. The same
   * idempotency key never makes two runs. Throws a ZodError for a malformed submission.
   */
  submit(submission: Omit<RunSubmission, "v">): Promise<void>;
  close(): Promise<void>;
}

/** `prefix` must be the fleet's `LEASEHOLD_QUEUE_PREFIX`. */
export function runProducer(options: { redisUrl: string; prefix?: string }): RunProducer {
  const prefix = options.prefix ?? "{leasehold}";
  const connection = openPatientConnection({ url: options.redisUrl, prefix }, () => {});
  const queue = new Queue(catalog.run.queue(), { connection, prefix });
  queue.on("error", () => {});
  return {
    submit: async (submission) => {
      const data = runSubmission.parse({ v: 1, ...submission });
      await queue.add("run", data, { attempts: 1, ...catalog.run.keep, jobId: `submission-${randomUUID()}` });
    },
    close: async () => {
      await queue.close();
      connection.disconnect();
    },
  };
}
