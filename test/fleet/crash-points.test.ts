import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { experiment, nameOf, type Point, points, type Seen } from "./crash/experiment.ts";
import { matrix, rewrite } from "./crash/matrix.ts";
import { type ScenarioName, scenarios } from "./crash/scenarios.ts";

const page = fileURLToPath(new URL("../../docs/crash-matrix.md", import.meta.url));
const seen = new Map<Point, Seen>();
/** Longer than anything takes on a busy machine. */
const limit = 180_000;

// What most of them do most of the time is wait. How many at once: `maxConcurrency` in vitest.config.ts.
describe.concurrent("I1, I2, I4, I5, I6, I7, I8: a process dies by SIGKILL", () => {
  it.each(Object.keys(scenarios) as ScenarioName[])("not at all: %s", async (name) => void (await experiment(name)), limit);

  it.each(points.map((point) => [`${point.row.verb}: ${nameOf(point)}`, point] as const))(
    "%s",
    async (_name, point) => {
      seen.set(point, await experiment(point.row.in, point));
    },
    limit,
  );
});

it("docs/crash-matrix.md says what was seen", async () => {
  const made = matrix(seen);
  if (process.env["UPDATE_DOCS"] !== undefined) await writeFile(page, made);
  expect(await readFile(page, "utf8").catch(() => ""), `to write it anew: ${rewrite}`).toBe(made);
});
