import { type Job, UnrecoverableError } from "bullmq";
import type { Logger } from "pino";
import type { z } from "zod";
import { isNewer } from "../queues/catalog.ts";
import { isKind, LeaseholdError, reasonOf } from "../src/domain/errors.ts";
import { parse } from "../src/domain/parse.ts";
import { payloadUnknown } from "./newer-payload.ts";

/**
 * The payload, or the job fails for good with what is wrong with it. A bell of a newer version fails at once: kept, it would
 * keep the reaper from ringing for its row, which it does in its own version.
 */
export function payloadOf<S extends z.ZodType>(schema: S, job: Job): z.output<S> {
  if (isNewer(job.data)) throw payloadUnknown(job, "the reaper rings again for its row");
  try {
    return parse(schema, job.data, "payload");
  } catch (error) {
    throw new UnrecoverableError(error instanceof Error ? error.message : String(error));
  }
}

/**
 * What a use case's error means for its job: somebody newer at work is no failure, a request that can never work fails
 * for good, anything else fails this job, and the reaper rings anew.
 */
export async function outcomeOf<T>(log: Logger, work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    if (isKind(error, "stale")) return `left alone: ${error.message}`;
    if (error instanceof LeaseholdError && error.kind === "invalid") throw new UnrecoverableError(`${error.code}: ${error.message}`);
    log.error({ err: error }, "job failed");
    // BullMQ keeps message and stack in Redis, for operators: without what the original may carry.
    throw new Error(reasonOf(error));
  }
}
