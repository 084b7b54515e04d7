import { randomUUID } from "node:crypto";
import { Queue } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import { invalid } from "../src/domain/errors.ts";
import { parse } from "../src/domain/parse.ts";
import { queuePrefix } from "../src/domain/queue-prefix.ts";
import type { RunRequestInput } from "../src/domain/request-input.ts";
import { catalog, runSubmission } from "./catalog.ts";
import { openPatientConnection } from "./connection.ts";
import { notTaken } from "./not-taken.ts";

export { type ErrorKind, type FieldFault, LeaseholdError } from "../src/domain/errors.ts";
export type { RunRequestInput as RunRequest } from "../src/domain/request-input.ts";

/** One run that is asked for. */
export interface Submission {
  /** The company's id; `leasehold token --json` says it. */
  readonly company: string;
  /** The same key never makes two runs of a company, however often and from wherever it is submitted: 1 to 200 printable ASCII characters. */
  readonly idempotencyKey: string;
  readonly request: RunRequestInput;
}

/** For producers that have only Redis. Any BullMQ client can do the same: see `docs/producers.md`. */
export interface RunProducer extends AsyncDisposable {
  /**
   * Puts a run on the queue. Gives its job once Redis has it; the run is accepted once a worker has written it down, and until then
   * Redis has the only copy. Throws a `LeaseholdError`: `invalid` `submission_invalid` names each wrong field, and nothing was sent;
   * `busy`, `refused` and `transient` are Redis's. After `transient` `queue_no_answer` it may have it all the same: submit it again
   * under the same key. An abort throws the signal's reason, and leaves the same open.
   */
  submit(submission: Submission, options?: { readonly signal?: AbortSignal | undefined }): Promise<{ readonly jobId: string }>;
  close(): Promise<void>;
}

export type RunProducerOptions = {
  /** The fleet's `LEASEHOLD_QUEUE_PREFIX`. Default `{leasehold}`. */
  readonly prefix?: string | undefined;
  /** Milliseconds after which a submission that Redis has not taken is given up. Default 10 s. */
  readonly timeoutMs?: number | undefined;
} & (
  | { /** Like `redis://:password@host:6379` or `rediss://...`. */ readonly redisUrl: string }
  | { /** A connection of your own, to a cluster or through sentinels for example. It stays yours to close. */ readonly connection: Redis | Cluster }
);

/** Throws `invalid`: `prefix_invalid` for a prefix that no fleet has, `redis_url_invalid` for no Redis. */
export function runProducer(options: RunProducerOptions): RunProducer {
  const prefix = parse(queuePrefix, options.prefix, "prefix");
  let fault: Error | undefined;
  const shared = "connection" in options;
  const connection = shared ? options.connection : openPatientConnection({ url: redisUrlOf(options.redisUrl), prefix }, (error) => (fault = error));
  if (!shared) connection.on("ready", () => (fault = undefined));
  const queue = new Queue(catalog.run.queue(), { connection, prefix, skipVersionCheck: true, skipMetasUpdate: true });
  queue.on("error", (error) => (fault = error));
  const close = async (): Promise<void> => {
    await queue.close();
    if (!shared) connection.disconnect();
  };
  return {
    submit: async (submission, { signal } = {}) => {
      const data = parse(runSubmission, { v: 1, ...submission }, "submission");
      signal?.throwIfAborted();
      // Of its own, and the same whenever the connection repeats it: what BullMQ knows by an id is not added again.
      const jobId = `submission-${randomUUID()}`;
      const late = AbortSignal.timeout(options.timeoutMs ?? usualTimeout);
      const added = queue.add("run", data, { attempts: 1, ...catalog.run.keep, jobId });
      try {
        await Promise.race([added, firing(signal === undefined ? late : AbortSignal.any([signal, late]))]);
      } catch (error) {
        added.catch(() => {});
        signal?.throwIfAborted();
        throw notTaken(late.aborted ? null : error, fault);
      }
      return { jobId };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const usualTimeout = 10_000;

/** Without a URL the Redis client would take whatever listens on this machine. */
function redisUrlOf(url: unknown): string {
  if (typeof url === "string" && URL.canParse(url) && ["redis:", "rediss:"].includes(new URL(url).protocol)) return url;
  throw invalid("redis_url_invalid", "redisUrl is not a URL of a Redis; give one like redis://:password@host:6379 or rediss://...");
}

const firing = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
