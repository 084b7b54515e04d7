import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Leasehold } from "../../src/client/index.ts";
import { eventually } from "../support/eventually.ts";
import { startTestFleet } from "../support/fleet.ts";
import { serveApi } from "../support/serve-api.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { untilThere } from "../support/shell.ts";

let stack: Stack;
beforeEach(async () => {
  stack = await startStack();
});
afterEach(() => stack.close());

const tables = ["runs", "environment_leases", "executions", "execution_output", "lease_events", "environments", "companies", "api_tokens", "installation", "workers", "activity_log"];

/** What a newer version's migration may do: columns, a table, indexes, a value more that a CHECK takes. */
async function expand(): Promise<void> {
  const { db } = stack.base.database;
  for (const table of tables) {
    await db.execute(sql.raw(`alter table ${table} add column newer_note text, add column newer_count integer not null default 7`));
    await db.execute(sql.raw(`create index ${table}_newer on ${table} (newer_count)`));
  }
  await db.execute(sql`create table newer (id uuid primary key, run uuid references runs (id) on delete cascade)`);
  for (const { table, name } of [{ table: "runs", name: "runs_phase" }, { table: "environment_leases", name: "leases_status" }]) {
    const [old] = [...(await db.execute(sql`select pg_get_constraintdef(oid) as def from pg_constraint where conname = ${name}`))];
    const wider = String(old?.["def"]).replace("ARRAY[", "ARRAY['paused'::text, ");
    expect(wider).toContain("'paused'");
    await db.execute(sql.raw(`alter table ${table} drop constraint ${name}, add constraint ${name} ${wider}`));
  }
}

it("a fleet goes on, with the connections it has, while a newer version's migration expands the database under it", async () => {
  await stack.worker();
  await using api = await serveApi(stack);
  const client: Leasehold = api.client;
  // Every connection has carried out these statements before.
  for (let i = 0; i < 10; i += 1) await stack.submit({ command: ["true"] });
  const long = await stack.submit({ command: ["sh", "-c", `echo begun; ${untilThere("stop")}; echo done`] });
  const held = await client.leases.acquire({});
  await eventually(async () => {
    await stack.sweep();
    expect((await stack.situation(long.id)).execution?.stdoutBytes).toBeGreaterThan(0);
  });
  await expand();

  const { lease } = await stack.situation(long.id);
  const command = await held.exec(["sh", "-c", `touch "${stack.config.dataDir}/leases/${lease?.id}/workspace/stop"; echo told`]);
  let said = "";
  for await (const { bytes } of command) said += Buffer.from(bytes).toString();
  expect(said).toBe("told\n");
  await client.leases.renew(held.id);
  await held.release();
  const { run, execution } = await stack.ended(long.id);
  expect(run.outcome).toEqual({ kind: "exited", code: 0 });
  expect(execution).toMatchObject({ offer: 1, outputComplete: true, stdoutBytes: "begun\ndone\n".length });
  for (let i = 0; i < 10; i += 1) expect((await stack.ended((await client.runs.create({ command: ["true"] })).id)).run.outcome).toEqual({ kind: "exited", code: 0 });
  const cancelled = await client.runs.create({ command: ["sleep", "60"] });
  await client.runs.cancel(cancelled.id);
  expect((await stack.ended(cancelled.id)).run.outcome).toEqual({ kind: "cancelled" });
});

it("no process starts on a database that lacks a migration it needs; each does on one that has more", async () => {
  const fleet = await startTestFleet();
  try {
    const { db } = fleet.base.database;
    const [last] = [...(await db.execute(sql`delete from drizzle.__drizzle_migrations where created_at = (select max(created_at) from drizzle.__drizzle_migrations) returning hash, created_at`))];
    for (const start of [() => fleet.worker(), () => fleet.reaper(), () => fleet.api()]) await expect(start()).rejects.toThrow("before it was ready");
    await db.execute(sql`insert into drizzle.__drizzle_migrations (hash, created_at) values (${last?.["hash"]}, ${last?.["created_at"]}), ('newer', 9999999999999)`);
    await Promise.all([fleet.worker(), fleet.reaper(), fleet.api()]);
    const run = await fleet.submit({ command: ["true"] });
    expect((await fleet.ended(run.id)).run.outcome).toEqual({ kind: "exited", code: 0 });
  } finally {
    await fleet.close();
  }
});
