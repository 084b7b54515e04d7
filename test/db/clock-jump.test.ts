import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDatabase, type Database } from "../../src/db/client.ts";
import { jumpBetween, sameTime } from "../../src/db/clock-jump.ts";
import { tick } from "../../src/db/installation.ts";
import { rowsOf } from "../../src/db/rows.ts";
import { timing } from "../../src/domain/defaults.ts";
import { freshDatabase } from "../support/database.ts";

const hour = 3_600_000;

describe("whether a clock was set", () => {
  const before = { at: 1_000_000, asked: 100, answered: 110 };

  it("is told from what passed meanwhile, to within what the asking took", () => {
    expect(jumpBetween(before, { at: 1_060_000, asked: 60_100, answered: 60_110 })).toBe(0);
    expect(jumpBetween(before, { at: 1_060_000 + hour, asked: 60_100, answered: 60_110 })).toBe(hour);
    expect(jumpBetween(before, { at: 1_060_000 - hour, asked: 60_100, answered: 60_110 })).toBe(-hour);
  });

  it("is not believed of a statement that hung, or a process that was stopped in between", () => {
    expect(jumpBetween(before, { at: 1_060_000, asked: 110, answered: 60_110 })).toBe(0);
    expect(jumpBetween({ ...before, answered: 60_110 }, { at: 1_060_500, asked: 60_600, answered: 60_610 })).toBe(0);
  });

  it("is not told by a reading of another time than the last tick's", () => {
    expect(sameTime(before, 1_030_000, 60_100)).toBe(true);
    expect(sameTime(before, 1_030_000 + hour, 60_100)).toBe(false);
    expect(sameTime(before, 1_030_000 - hour, 60_100)).toBe(false);
  });
});

describe("a tick", () => {
  let database: Database;
  let fresh: Awaited<ReturnType<typeof freshDatabase>>;
  beforeAll(async () => {
    fresh = await freshDatabase();
    database = openDatabase(fresh.url, { name: "test" });
  });
  afterAll(async () => {
    await database.close();
    await fresh.drop();
  });

  /** As if the clock had been set by so much since: what is in the rows is of before. */
  const setBy = (ms: number) => rowsOf(database.db, sql`update installation set fleet_tick = clock_timestamp() - make_interval(secs => ${ms / 1000})`);

  it("I4: of many processes that see the clock set, one has deadlines follow it", async () => {
    const { clock } = await tick(database.db);
    await setBy(hour);
    const seen = { ...clock, at: clock.at - hour };
    const ticks = await Promise.all(Array.from({ length: 5 }, () => tick(database.db, seen)));
    expect(ticks.map(({ jumpMs }) => Math.round(jumpMs / hour)).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 0, 1]);
    expect(ticks.filter(({ outage }) => outage)).toHaveLength(1);
    expect(ticks.every(({ calm }) => calm)).toBe(true);
  });

  it("I4: of a process that has just begun, or was away meanwhile, keeps calm and changes nothing", async () => {
    const { clock } = await tick(database.db);
    await setBy(hour);
    const { clock: seen } = await tick(database.db);
    expect(await tick(database.db, { ...seen, strangeSince: seen.asked - timing.clockWitness })).toMatchObject({ calm: true, outage: true, jumpMs: 0 });
    await setBy(-hour);
    const away = { ...clock, at: clock.at - 3 * hour, strangeSince: clock.asked - timing.clockWitness };
    expect(await tick(database.db, away)).toMatchObject({ calm: true, outage: true, jumpMs: 0 });
  });

  it("I4: of a process that has just begun leaves a strange clock to one that knew it before", async () => {
    const { clock } = await tick(database.db);
    const before = { ...clock, at: clock.at - hour };
    await setBy(hour);
    const first = await tick(database.db);
    expect(first).toMatchObject({ calm: true, outage: false, jumpMs: 0 });
    const second = await tick(database.db, first.clock);
    expect(second).toMatchObject({ calm: true, outage: false, jumpMs: 0 });
    expect(second.clock.strangeSince).toBe(first.clock.strangeSince);
    const told = await tick(database.db, before);
    expect(told.outage).toBe(true);
    expect(Math.round(told.jumpMs / hour)).toBe(1);
    expect((await tick(database.db, second.clock)).clock).not.toHaveProperty("strangeSince");
  });
});
