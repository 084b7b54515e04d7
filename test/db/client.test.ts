import { sql } from "drizzle-orm";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openDatabase } from "../../src/db/client.ts";
import { connector } from "../../src/db/connector.ts";
import { isOutage, throughOutage } from "../../src/db/retry.ts";
import { rowsOf } from "../../src/db/rows.ts";
import { timing } from "../../src/domain/defaults.ts";
import { eventually } from "../support/eventually.ts";
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

  it("that has rested leaves the next statement its whole time, and what is asked behind that adds nothing", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const how = { max: 1, socket: connector(300) };
    const client = postgres(url, how);
    const other = postgres(url, { max: 1 });
    const asks = (text: string) => eventually(async () => expect(await other`select 1 from pg_stat_activity where state = 'active' and query = ${text}`).toHaveLength(1));
    try {
      expect(await client`select 1 as one`).toMatchObject([{ one: 1 }]);
      vi.advanceTimersByTime(300);
      await other`select pg_advisory_lock(1)`;
      const slow = client.unsafe("select pg_advisory_lock(1) as late");
      const end = slow.then((rows) => rows.length, (error: unknown) => error);
      await asks("select pg_advisory_lock(1) as late");
      vi.advanceTimersByTime(300);
      await other`select pg_advisory_unlock(1)`;
      expect(await end).toBe(1);

      vi.advanceTimersByTime(300);
      const hanging = client.unsafe("select pg_sleep(60) as hanging").then(() => null, (error: unknown) => error);
      await asks("select pg_sleep(60) as hanging");
      for (let i = 0; i < 5; i++) {
        void client`select 1`.catch(() => {});
        await new Promise((resolve) => setImmediate(resolve));
        vi.advanceTimersByTime(100);
      }
      expect(isOutage(await hanging)).toBe(true);
    } finally {
      vi.useRealTimers();
      await Promise.all([client.end({ timeout: 0 }), other.end({ timeout: 0 })]);
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

  it("that is lost in the middle of a transaction takes the whole of it, and nothing else", async () => {
    const [database, killer] = [openDatabase(url, { name: "mortal", max: 8 }), openDatabase(url, { name: "killer", max: 1 })];
    const halves = sql`halves`;
    await rowsOf(killer.db, sql`create table ${halves} (whole int, half int)`);
    const pause = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    let killing = true;
    const kill = async (): Promise<void> => {
      while (killing) {
        await rowsOf(killer.db, sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'leasehold mortal' and random() < 0.3`);
        await pause();
      }
    };
    const killed = kill();
    try {
      const results = await Promise.all(
        Array.from({ length: 300 }, async (_, whole) => {
          try {
            await database.db.transaction(async (tx) => {
              await rowsOf(tx, sql`insert into ${halves} values (${whole}::int, 1)`);
              // Killed while nothing is asked, or in the middle of a statement.
              await (whole % 2 === 0 ? pause() : rowsOf(tx, sql`select pg_sleep(${Math.random() / 50})`));
              await rowsOf(tx, sql`insert into ${halves} values (${whole}::int, 2)`);
            });
            return "done";
          } catch (error) {
            if (!isOutage(error)) throw error;
            return "lost";
          }
        }),
      );
      expect(new Set(results)).toEqual(new Set(["done", "lost"]));
      const rows = await rowsOf(killer.db, sql`select whole, count(*)::int as n from ${halves} group by whole`);
      expect(rows.filter((row) => row["n"] !== 2)).toEqual([]);
      for (const [whole, result] of results.entries()) if (result === "done") expect(rows.some((row) => row["whole"] === whole), `transaction ${whole}`).toBe(true);
      killing = false;
      await killed;
      // None of the pool's connections is kept by a transaction that was lost: all can be in one at the same time.
      const begun = new Set<number>();
      const all = Array.from({ length: 8 }, (_, one) =>
        throughOutage(() =>
          database.db.transaction(async (tx) => {
            await rowsOf(tx, sql`select 1`);
            begun.add(one);
            await eventually(() => expect(begun.size).toBe(8));
          }),
        ),
      );
      await Promise.all(all);
    } finally {
      killing = false;
      await killed;
      await Promise.all([database.close(), killer.close()]);
    }
  });
});

describe("statements with parameters", () => {
  const namesOf = async (at: string): Promise<number> => {
    const database = openDatabase(at, { name: "test", max: 1 });
    try {
      for (const n of [1, 2, 3]) await rowsOf(database.db, sql`select ${n}::int as n`);
      await database.db.transaction((tx) => rowsOf(tx, sql`select ${4}::int as n`));
      const [row] = await rowsOf(database.db, sql`select count(*)::int as n, sum(generic_plans + custom_plans)::int as plans from pg_prepared_statements where statement like 'select $1::int%'`);
      if (row?.["n"] === 1) expect(row["plans"]).toBe(4);
      return Number(row?.["n"]);
    } finally {
      await database.close();
    }
  };

  it("are prepared once per connection, in transactions too", async () => {
    expect(await namesOf(url)).toBe(1);
  });

  it("are not where the URL says so", async () => {
    expect(await namesOf(`${url}?prepare=false`)).toBe(0);
  });
});
