import { expect, it } from "vitest";
import { type Turn, turns } from "../../src/leases/turns.ts";

it("gives so many turns at once, in the order in which they were asked for, each given back once", async () => {
  const next = turns(2, 3_600_000);
  const given: number[] = [];
  const asked = Array.from({ length: 5 }, async (_, n): Promise<Turn> => {
    const turn = await next();
    given.push(n);
    return turn;
  });
  const [first, second] = await Promise.all([asked[0], asked[1]]);
  expect(given).toEqual([0, 1]);
  second?.over();
  second?.over();
  const third = await asked[2];
  expect(given).toEqual([0, 1, 2]);
  first?.over();
  await asked[3];
  expect(given).toEqual([0, 1, 2, 3]);
  third?.[Symbol.dispose]();
  await asked[4];
  expect(given).toEqual([0, 1, 2, 3, 4]);
});

it("ends a turn that is not given back: who still has it waits for something else", async () => {
  const next = turns(1, 1);
  const kept = await next();
  const second = await next();
  // Given back late, it is not given back for somebody else.
  kept.over();
  second.over();
  using third = await next();
  expect(third).toBeDefined();
});
