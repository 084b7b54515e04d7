import fc from "fast-check";
import type { FaultPlan } from "../../src/drivers/fake/faults.ts";
import { anything, plans } from "./commands.ts";
import { settle } from "./settle.ts";
import { type Ground, type PlantedBug, World } from "./world.ts";

export interface Search {
  readonly runs: number;
  readonly seed: number;
  /** Commands in the longest sequence. */
  readonly length?: number;
  /** Of a failure that is to be seen again. */
  readonly path?: string | undefined;
  readonly replayPath?: string | undefined;
}

/** Whatever happens, in whatever order, everything holds, and in the end all is over. */
export function search(ground: Ground, { runs, seed, length = 60, path, replayPath }: Search, bug: PlantedBug = {}) {
  const commands = fc.commands(anything, { maxCommands: length, size: "max", ...(replayPath === undefined ? {} : { replayPath }) });
  const property = fc.asyncProperty(fc.record({ plan: plans, commands }), async ({ plan, commands }) => {
    const world = await World.begin(ground, plan as FaultPlan, bug);
    try {
      await fc.asyncModelRun(async () => ({ model: { world }, real: world }), commands);
      await settle(world);
    } catch (error) {
      if (error instanceof Error) error.message += `\n  ${told(world.story).join("\n  ")}`;
      throw error;
    } finally {
      await world.end();
    }
  });
  return fc.check(property, { numRuns: runs, seed, includeErrorInReport: true, ...(path === undefined ? {} : { path }) });
}

/** The story, without the middle of what is very long. */
const told = (story: readonly string[]): string[] => (story.length <= 120 ? [...story] : [...story.slice(0, 80), "...", ...story.slice(-40)]);
