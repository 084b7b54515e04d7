import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hear, submit } from "./deeds.ts";
import { settle } from "./settle.ts";
import { type Ground, openGround, World } from "./world.ts";

/** What random sequences have found, as the shortest sequence that shows it. */

let ground: Ground;
beforeAll(async () => {
  ground = await openGround();
});
afterAll(() => ground.close());

/** Delivers bells until one of this verb lies there, and takes it. */
async function until(world: World, verb: string): Promise<World["bag"]["rung"][number]> {
  for (let n = 0; n < 20; n++) {
    const bell = world.bag.undelivered.shift();
    if (bell === undefined) break;
    if (bell.verb === verb) return bell;
    await hear(world, bell, 0, null);
  }
  throw new Error(`nobody rang to ${verb}`);
}

describe("found by random sequences", () => {
  it("I4: a worker that is told to stop while it claims an execution hands it on at once, and starts nothing", async () => {
    const world = await World.begin(ground, []);
    try {
      await submit(world, 0, 0, null);
      await hear(world, await until(world, "execute"), 0, 0);
      const [process] = world.held;
      if (process === undefined) throw new Error("nobody is held");
      await world.with(process, () => {
        process.stop.abort(new Error("this worker stops"));
        return process.goOn(Number.POSITIVE_INFINITY);
      });
      expect(process.error).toBeNull();
      expect([...world.now.executions.values()]).toMatchObject([{ state: "created", offer: 1, claim: null }]);
      expect(world.bag.undelivered.map((bell) => bell.verb)).toContain("execute");
      await settle(world);
    } finally {
      await world.end();
    }
  });
});
