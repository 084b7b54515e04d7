import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { search } from "./property.ts";
import { type Ground, openGround } from "./world.ts";

/**
 * Random sequences of what clients, workers and reapers do, with bells lost, doubled and delivered in any order, processes
 * held, killed and cut off from the database between any two of their effects, time that passes, and a provider that
 * fails: after each step every invariant that can be seen from outside is looked at, and in the end all must be over.
 *
 * The suite takes one seed and a few sequences. For more: `MODEL_RUNS=2000 MODEL_SEED=7 npx vitest run
 * test/model/model.test.ts`. A failure is told as the shortest sequence that fails, with seed, path and replayPath; given
 * back as `MODEL_SEED`, `MODEL_PATH` and `MODEL_REPLAY` they show that sequence again.
 */

const { MODEL_RUNS, MODEL_SEED, MODEL_PATH, MODEL_REPLAY } = process.env;
const runs = Number(MODEL_RUNS ?? 40);
/** Only of the suite's own sequences is it known what happens in them. */
const ofTheSuite = [MODEL_RUNS, MODEL_SEED, MODEL_PATH, MODEL_REPLAY].every((setting) => setting === undefined);

let ground: Ground;
beforeAll(async () => {
  ground = await openGround();
  // The jitter of waits is the only chance in the product: without it the same sequence goes the same way.
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await ground.close();
});

/** What a search that finds nothing must have been through to say anything. */
const passedThrough = ["claim", "acquired", "retry_later", "cancel", "release", "expire", "claim_release", "cleaned", "outcome exited", "outcome cancelled", "outcome not_started"];

describe("whatever happens, in whatever order", () => {
  it(
    "I1, I2, I3, I4, I5, I6, I7, I8: everything holds after each step, and in the end all is over",
    async () => {
      const found = await search(ground, { runs, seed: Number(MODEL_SEED ?? 1), path: MODEL_PATH, replayPath: MODEL_REPLAY });
      if (!ofTheSuite) process.stderr.write(`${found.numRuns} sequences: ${JSON.stringify(Object.fromEntries(ground.tally))}\n`);
      expect(found.failed ? fc.defaultReportMessage(found) : "nothing found").toBe("nothing found");
      if (ofTheSuite) expect([...ground.tally.keys()]).toEqual(expect.arrayContaining(passedThrough));
    },
    // Each takes about half a second alone.
    60_000 + runs * 10_000,
  );
});
