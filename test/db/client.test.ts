import { sql } from "drizzle-orm";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDatabase } from "../../src/db/client.ts";
import { connector } from "../../src/db/connector.ts";
import { isOutage } from "../../src/db/retry.ts";
import { rowsOf } from "../../src/db/rows.ts";
import { timing } from "../../src/domain/defaults.ts";
import { freshDatabase } from "../support/database.ts";

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let url: string;
beforeAll(async () => {
  fresh = await freshDatabase();
  url = fresh.url;
});
afterAll(() => fresh.drop());

describe("I13: a connection", () => {
  it("on which nothing comes is given up, which counts as an outage, and the next one works", async () => {
    const how = { max: 1, socket: connector(300) };
    const client = postgres(url, how);
    try {
      expect(await client`select 1 as one`).toMatchObject([{ one: 1 }]);
      const asked = performance.now();
      const error: unknown = await client`select pg_sleep(60)`.then(() => null, (caught: unknown) => caught);
      expect(isOutage(error)).toBe(true);
      expect(performance.now() - asked).toBeLessThan(20_000);
      expect(await client`select 1 as one`).toMatchObject([{ one: 1 }]);
    } finally {
      await client.end({ timeout: 0 });
    }
  });

  it("of a process that stopped in the middle of a transaction does not keep others waiting", async () => {
    const [stopped, other] = [openDatabase(url, { name: "stopped" }), openDatabase(url, { name: "other" })];
    const lock = sql`select id from installation for update`;
    try {
      let wake = (): void => {};
      const awake = new Promise<void>((resolve) => {
        wake = resolve;
      });
      let begun = (): void => {};
      const locked = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const asleep = stopped.db.transaction(async (tx) => {
        await rowsOf(tx, lock);
        begun();
        await awake;
        await rowsOf(tx, lock);
      });
      const end = asleep.then(() => null, (caught: unknown) => caught);
      await locked;
      const asked = performance.now();
      expect(await rowsOf(other.db, lock)).toHaveLength(1);
      expect(performance.now() - asked).toBeGreaterThan(timing.idleTransaction / 2);
      wake();
      expect(isOutage(await end)).toBe(true);
    } finally {
      await Promise.all([stopped.close(0), other.close(0)]);
    }
  });
});
