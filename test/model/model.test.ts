import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { search } from "./property.ts";
import { type Ground, openGround } from "./world.ts";

let ground: Ground;
beforeAll(async () => {
  ground = await openGround();
  // The jitter of waits is the only chance in the product; a sequence that fails is to fail again.
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await ground.close();
});

const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);

describe("whatever happens, in whatever order", () => {
  it("I1, I2, I3, I4, I5, I6, I7, I8: everything holds after each of it, and in the end all is over", async () => {
    const found = await search(ground, { runs: number("MODEL_RUNS", 60), seed: number("MODEL_SEED", 1), path: process.env["MODEL_PATH"], replayPath: process.env["MODEL_REPLAY"] });
    expect(found.failed ? fc.defaultReportMessage(found) : undefined).toBeUndefined();
    console.error([...ground.tally].toSorted().map(([a, b]) => `${a} ${b}`).join(", "));
  }, 24 * 3_600_000);
});
