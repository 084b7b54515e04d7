import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readiness } from "../../src/app/readiness.ts";
import { type Database, openDatabase } from "../../src/db/client.ts";
import { freshDatabase } from "../support/database.ts";

let database: Database;
let drop: () => Promise<void>;
beforeAll(async () => {
  const fresh = await freshDatabase();
  drop = () => fresh.drop();
  database = openDatabase(fresh.url, { name: "test" });
});
afterAll(async () => {
  await database.close();
  await drop();
});

const well = () => Promise.resolve();
const asked = (more: { readonly redis?: () => Promise<unknown>; readonly stopping?: boolean } = {}) => readiness({ db: database.db, redis: well, stopping: false, ...more });

it("is there when everything answers", async () => {
  expect(await asked()).toEqual({ ok: true, checks: { database: "ok", redis: "ok", process: "ok" } });
});

it("is not, and says why, for what does not answer, answers no, or is told to stop", async () => {
  expect(await asked({ redis: () => Promise.reject(new Error("READONLY")) })).toEqual({ ok: false, checks: { database: "ok", redis: "READONLY", process: "ok" } });
  expect(await asked({ redis: () => new Promise(() => {}) })).toMatchObject({ ok: false, checks: { redis: expect.stringContaining("no answer within 2 seconds") } });
  expect(await asked({ stopping: true })).toMatchObject({ ok: false, checks: { process: expect.stringContaining("told to stop") } });
});

it("is not on a database that lacks a migration", async () => {
  await database.db.execute(sql`delete from drizzle.__drizzle_migrations where created_at = (select max(created_at) from drizzle.__drizzle_migrations)`);
  expect(await asked()).toMatchObject({ ok: false, checks: { database: expect.stringMatching(/lacks what this version needs: \d{4}_\w+; run `leasehold migrate`/) } });
});
