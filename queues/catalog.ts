import { z } from "zod";
import { retention } from "../src/domain/defaults.ts";
import { idempotencyKey, runRequest } from "../src/domain/request.ts";

/**
 * Every job there is, in one table: its queue, the shape of its payload, how long it is kept. A payload says its version;
 * one that this version does not know fails for good, with the reason, and blocks nothing.
 */

/** Rings for a run that is written down. */
export const runBell = z.strictObject({ v: z.literal(1), run: z.uuid() });

/** A whole run, for producers that have nothing but Redis. The first thing done with it is to write it down. */
export const runSubmission = z.strictObject({ v: z.literal(1), company: z.uuid(), idempotencyKey, request: runRequest });

/** What a producer puts on the `runs` queue: `{ v: 1, company, idempotencyKey, request }`. */
export type RunSubmission = z.input<typeof runSubmission>;

const stepPayload = z.strictObject({ v: z.literal(1), id: z.uuid(), offer: z.number().int() });
const acquirePayload = z.strictObject({ v: z.literal(1) });
const sweepPayload = z.strictObject({ v: z.literal(1) });

export type Verb = "acquire" | "realize" | "execute" | "release";
export const verbs: readonly Verb[] = ["acquire", "realize", "execute", "release"];

/** Which of the two a job on `runs` is meant to be: told apart first, so that what is wrong with it can be named. */
export const isBell = (data: unknown): boolean => typeof data === "object" && data !== null && "run" in data;

const keep = { removeOnComplete: retention.completedJobs, removeOnFail: retention.failedJobs } as const;

export const catalog = {
  run: { queue: () => "runs", payload: z.union([runBell, runSubmission]), keep },
  acquire: { queue: stepQueue("acquire"), payload: acquirePayload, keep },
  realize: { queue: stepQueue("realize"), payload: stepPayload, keep },
  execute: { queue: stepQueue("execute"), payload: stepPayload, keep },
  release: { queue: stepQueue("release"), payload: stepPayload, keep },
  sweep: { queue: () => "reaper", payload: sweepPayload, keep: { removeOnComplete: { count: 10 }, removeOnFail: { count: 100 } } },
} as const;

/** `<backend>.<verb>`, with `@<host>` for leases that are bound to one. */
function stepQueue(verb: Verb): (backend: string, host: string | null) => string {
  return (backend, host) => `${backend}.${verb}${host === null ? "" : `@${host}`}`;
}
