import { it, expect } from "vitest";
import { experiment, nameOf, points, type Point, type Seen } from "./crash/experiment.ts";
import { scenarios, type ScenarioName } from "./crash/scenarios.ts";

it("all", async () => {
  const abreast = Number(process.env["ABREAST"] ?? 10);
  const only = process.env["ONLY"];
  const todo: { scenario: ScenarioName; point?: Point }[] = [...Object.keys(scenarios).map((scenario) => ({ scenario: scenario as ScenarioName })), ...points.map((point) => ({ scenario: point.row.in, point }))].filter((t) => only === undefined || t.scenario === only);
  let bad = 0;
  const t0 = performance.now();
  const results: string[] = [];
  const one = async (i: number) => {
    const { scenario, point } = todo[i]!;
    const name = point === undefined ? `${scenario} reference` : `${scenario}: ${point.row.verb}: ${nameOf(point)}`;
    const t = performance.now();
    let line: string;
    try {
      const seen: Seen = await experiment(scenario, point);
      line = `${name} | ${seen.left} | ${seen.next}`;
    } catch (e) {
      bad++;
      line = `FAILED ${name}: ${(e as Error).message.slice(0, 900)}`;
    }
    results[i] = `${line}  [${Math.round(performance.now() - t)}]`;
  };
  let next = 0;
  await Promise.all(Array.from({ length: abreast }, async () => { while (next < todo.length) await one(next++); }));
  console.log(results.join("\n"), `\n${todo.length} in ${performance.now() - t0}, bad ${bad}`);
  expect(bad).toBe(0);
}, 600_000);
