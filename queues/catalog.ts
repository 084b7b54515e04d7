import { z } from "zod";
import { retention } from "../src/domain/defaults.ts";
import { idempotencyKey, runRequest } from "../src/domain/request.ts";

/**
 * Every job there is, in one table: its queue, the shape of its payload, how long it is kept. A payload says its version;
 * one of no known form fails for good, with the reason, and blocks nothing.
 */

/** The newest version of payloads that this version of Leasehold knows. A field more is a version more: unknown keys are refused. */
export const payloadVersion = 1;

/** Whether the payload is one that only a newer version of Leasehold can read. */
export const isNewer = (data: unknown): boolean => has(data, "v") && Number.isInteger(data.v) && Number(data.v) > payloadVersion;

const has = <K extends string>(data: unknown, key: K): data is Record<K, unknown> => typeof data === "object" && data !== null && key in data;

/** Rings for a run that is written down. */
export const runBell = z.strictObject({ v: z.literal(1), run: z.uuid() });

/** A whole run, for producers that have nothing but Redis: published as `docs/run-submission.schema.json`. The first thing done with it is to write it down. */
export const runSubmission = z.strictObject({ v: z.literal(1), company: z.uuid(), idempotencyKey, request: runRequest });

const stepPayload = z.strictObject({ v: z.literal(1), id: z.uuid(), offer: z.number().int() });

/** Says that a lease of the backend may be due. */
const acquireBell = z.strictObject({ v: z.literal(1) });

/** Asks a worker of the backend to look at a place. Rides on the queue of acquires: who makes places there can look at one. */
const probeQuestion = z.strictObject({
  v: z.literal(1),
  probe: z.strictObject({
    /** Names the channel on which the answer is said. */
    id: z.uuid(),
    config: z.record(z.string(), z.unknown()),
    /** Whose secrets the config refers to. Left out when it refers to none, so that an older worker takes what asks for nothing new. */
    company: z.uuid().optional(),
    /** Milliseconds since 1970 by Redis's clock, which all share. After it nobody waits for the answer. */
    expiresAt: z.number().int(),
  }),
});

const sweepPayload = z.strictObject({ v: z.literal(1) });

export type Verb = "acquire" | "realize" | "execute" | "release";
export const verbs: readonly Verb[] = ["acquire", "realize", "execute", "release"];

/** What a job on a queue with two kinds of them is meant to be: told apart first, in every version by the same key, so that what is wrong with it can be named. */
export const isBell = (data: unknown): boolean => has(data, "run");
export const isProbe = (data: unknown): boolean => has(data, "probe");

const keep = { removeOnComplete: retention.completedJobs, removeOnFail: retention.failedJobs } as const;

export const catalog = {
  run: { queue: () => "runs", payload: z.union([runBell, runSubmission]), keep },
  acquire: { queue: stepQueue("acquire"), payload: acquireBell, keep },
  // Worthless once answered, and its config is nobody else's business.
  probe: { queue: stepQueue("acquire"), payload: probeQuestion, keep: { removeOnComplete: true, removeOnFail: true } },
  realize: { queue: stepQueue("realize"), payload: stepPayload, keep },
  execute: { queue: stepQueue("execute"), payload: stepPayload, keep },
  release: { queue: stepQueue("release"), payload: stepPayload, keep },
  sweep: { queue: () => "reaper", payload: sweepPayload, keep: { removeOnComplete: { count: 10 }, removeOnFail: { count: 100 } } },
} as const;

/** `<backend>.<verb>`, with `@<host>` for leases that are bound to one. */
function stepQueue(verb: Verb): (backend: string, host: string | null) => string {
  return (backend, host) => `${backend}.${verb}${host === null ? "" : `@${host}`}`;
}
