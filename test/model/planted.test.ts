import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Driver } from "../../src/drivers/driver.ts";
import { instantCommands } from "../../src/drivers/fake/instant.ts";
import { directoryProvider } from "../../src/drivers/fake/provider.ts";
import { search } from "./property.ts";
import { type Ground, openGround, type PlantedBug } from "./world.ts";

/** Bugs that are put into the product, each where an invariant is guarded. The model has to find each, and say it in a few commands. */

let ground: Ground;
beforeAll(async () => {
  ground = await openGround();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await ground.close();
});

interface Planted {
  readonly what: string;
  readonly bug: PlantedBug;
  readonly found: RegExp;
}

const createsAgain = (driver: Driver, root: string): Driver => {
  const asked = new Set<string>();
  return {
    ...driver,
    acquire: async (context, request) => {
      const made = await driver.acquire(context, request);
      if (asked.has(request.key)) {
        const { installation, company, run } = request.labels;
        const instant = instantCommands("/usr/bin:/bin", { exitCode: 0, stdout: "" });
        await directoryProvider(root).create({
          key: request.key,
          labels: { installation, company, ...(run === null ? {} : { run }) },
          expiresAt: request.expiresAt,
          commands: "instant",
          prepare: (directory) => instant.prepare(directory, context.fence),
        });
      }
      asked.add(request.key);
      return made;
    },
  };
};

const keepsWhatItReleases = (driver: Driver): Driver => ({ ...driver, release: async () => {} });

const planted: readonly Planted[] = [
  { what: "a driver that creates again when it is asked again", bug: { driver: createsAgain }, found: /I2: there are two resources/ },
  { what: "a driver whose release does nothing", bug: { driver: keepsWhatItReleases }, found: /I2: lease \S+ is \w+, and its resource is there/ },
  { what: "slots that are not counted", bug: { rewrite: (s) => s.replace("select count(*)::int as used", "select 0 as used").replaceAll("(select count(*) from environment_leases where environment_id", "(select 0 * count(*) from environment_leases where environment_id") }, found: /I3: environment narrow has 1 slots/ },
];

describe("a planted bug is found, and shrunk to a few commands", () => {
  it.each(planted.map((one) => [one.what, one] as const))(
    "%s",
    async (_what, { bug, found }) => {
      const report = await search(ground, { runs: 200, seed: 5, length: 30 }, bug);
      expect(report.failed).toBe(true);
      expect(String(report.errorInstance)).toMatch(found);
      const commands = fc.stringify(report.counterexample?.[0].commands).replace(/\s*\/\*.*$/, "").split(",");
      expect(commands.length).toBeLessThanOrEqual(8);
    },
    600_000,
  );
});
