import postgres from "postgres";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostMemory } from "../../src/app/host-memory.ts";
import { openWorkerFleet } from "../../src/app/worker.ts";
import { type Database, openDatabase } from "../../src/db/client.ts";
import { confirmDatabase, databaseIdentity } from "../../src/db/reconcile-hold.ts";
import { throughOutage } from "../../src/db/retry.ts";
import { newId } from "../../src/domain/ids.ts";
import { sameDatabase } from "../../src/domain/reconcile.ts";
import { directoryProvider } from "../../src/drivers/fake/provider.ts";
import { acquireNext } from "../support/acquire-next.ts";
import type { WorkerFleet } from "../../src/leases/fleet.ts";
import { requestAdHocLease } from "../../src/leases/request-ad-hoc.ts";
import { bearWitness, type HostMemory } from "../../src/leases/witness.ts";
import { compareNow, findings, heldWhy, orphanLeases, passGrace } from "../support/reconciling.ts";
import { startStack, type Stack } from "../support/stack.ts";

let stack: Stack;
let fleet: WorkerFleet;
let close: () => Promise<void>;
let admin: postgres.Sql;
beforeEach(async () => {
  admin = postgres(inject("databaseUrl"), { max: 1, onnotice: () => {} });
  stack = await startStack();
  const opened = await openWorkerFleet(stack.config, stack.base);
  fleet = opened.fleet;
  close = () => opened.close();
});
afterEach(async () => {
  await close();
  await stack.close();
  await admin.end();
});

const db = () => stack.base.database.db;
const nameOf = (url: string | undefined): string => new URL(url ?? "").pathname.slice(1);
const alone = (name: string) => admin`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${name}`;

/** A copy of the database as it is now. */
async function copyDatabase(): Promise<string> {
  const copy = `t_copy_${newId().slice(-12)}`;
  const name = nameOf(stack.config.databaseUrl);
  await alone(name);
  await admin.unsafe(`create database ${copy} template ${name}`);
  return copy;
}

/** Puts the copy in the place of the database: as if it had been restored to the state it had then. */
async function restore(copy: string): Promise<void> {
  const name = nameOf(stack.config.databaseUrl);
  await alone(name);
  await admin.unsafe(`drop database ${name} with (force)`);
  await admin.unsafe(`alter database ${copy} rename to ${name}`);
  await throughOutage(() => db().execute(sql`select 1`), { limitMs: 10_000 });
}

/** As if the server had restored the database itself, which keeps what it calls it. */
const keepIdentity = async () => db().execute(sql`update installation set database_identity = ${await databaseIdentity(db())}`);

async function held(): Promise<void> {
  const environment = await stack.fakeEnvironment({ commands: "instant" });
  await requestAdHocLease(fleet, stack.companyId, undefined, { environment });
  expect(await acquireNext(fleet, "sandbox-fake", false)).toBe(true);
}

const sandboxes = async (): Promise<number> => (await directoryProvider(stack.config.fakeProvider ?? "").list()).length;

/** Compares until whatever is to be done was done. */
async function compareLong(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await compareNow(fleet);
    await passGrace(db());
  }
}

describe("a database restored to an older state", () => {
  it.each([
    ["by a copy that took its place", async () => {}, /by its server's account/],
    ["by its server, which says nothing of it", keepIdentity, /does not remember the state/],
  ])("I14: %s: nothing is touched until an operator confirms, and the next one is noticed too", async (_how, then, why) => {
    await compareNow(fleet);
    const copy = await copyDatabase();
    await throughOutage(() => held(), { limitMs: 5000 });
    await held();
    await compareNow(fleet);
    await restore(copy);
    await then();
    await compareLong();
    expect(await heldWhy(db())).toMatch(why);
    expect(await findings(db())).toHaveLength(2);
    expect(await orphanLeases(db())).toEqual([]);
    expect(await sandboxes()).toBe(2);

    expect(await confirmDatabase(db())).toBe(true);
    expect(await confirmDatabase(db())).toBe(false);
    await compareLong();
    expect(await heldWhy(db())).toBeNull();
    expect(await orphanLeases(db())).toHaveLength(2);

    const again = await copyDatabase();
    await throughOutage(() => compareNow(fleet), { limitMs: 5000 });
    await restore(again);
    await then();
    await compareNow(fleet);
    expect(await heldWhy(db())).toMatch(why);
  });

  it("I14: ends no lease for having vanished either", async () => {
    await held();
    await compareNow(fleet);
    const copy = await copyDatabase();
    await throughOutage(() => compareNow(fleet), { limitMs: 5000 });
    for (const one of await directoryProvider(stack.config.fakeProvider ?? "").list()) await directoryProvider(stack.config.fakeProvider ?? "").destroy(one);
    await restore(copy);
    await compareLong();
    const states = async () => [...(await db().execute(sql`select status from environment_leases`))];
    expect(await states()).toEqual([{ status: "active" }]);
    await confirmDatabase(db());
    await compareNow(fleet);
    expect(await states()).toEqual([{ status: "releasing" }]);
  });
});

describe("a cloned database", () => {
  it("I14: is held, and its original goes on", async () => {
    await held();
    await compareNow(fleet);
    const copy = await copyDatabase();
    await throughOutage(() => held(), { limitMs: 5000 });
    const url = new URL(stack.config.databaseUrl ?? "");
    url.pathname = `/${copy}`;
    const clone: Database = openDatabase(url.href, { name: "clone" });
    try {
      for (let i = 0; i < 3; i++) {
        await compareNow({ ...fleet, db: clone.db });
        await passGrace(clone.db);
      }
      expect(await heldWhy(clone.db)).toMatch(/by its server's account/);
      expect(await orphanLeases(clone.db)).toEqual([]);
      await compareLong();
      expect(await heldWhy(db())).toBeNull();
      expect(await sandboxes()).toBe(2);
    } finally {
      await clone.close();
      await admin.unsafe(`drop database ${copy} with (force)`);
    }
  });
});

describe("which database it is", () => {
  it("an ordinary user may know, and where one may not, the database's number has to do", async () => {
    const whole = await databaseIdentity(db());
    expect(whole).toMatch(/^\d{10,}\/\d+$/);
    const role = `r_${newId().slice(-12)}`;
    await admin.unsafe(`create role ${role} login password 'x'`);
    const url = new URL(stack.config.databaseUrl ?? "");
    url.username = role;
    url.password = "x";
    const ordinary = openDatabase(url.href, { name: "ordinary" });
    try {
      expect(await databaseIdentity(ordinary.db)).toBe(whole);
      await db().execute(sql`revoke execute on function pg_control_system() from public`);
      const partial = await databaseIdentity(ordinary.db);
      expect(partial).toBe(`-/${whole.split("/")[1]}`);
      expect(sameDatabase(partial, whole)).toBe(true);
      expect(sameDatabase(partial, "-/1")).toBe(false);
      expect(sameDatabase(whole, `1/${whole.split("/")[1]}`)).toBe(false);
    } finally {
      await ordinary.close();
      await admin.unsafe(`drop role ${role}`);
    }
  });
});

describe("what a machine remembers", () => {
  const host = { id: newId(), name: "h" };
  let directory: string;
  let memory: HostMemory;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "leasehold-memory-"));
    memory = await hostMemory(directory, "i");
  });
  afterEach(() => rm(directory, { recursive: true }));

  const witness = async () => (await db().execute(sql`select witness from hosts where id = ${host.id}`))[0]?.["witness"];

  it("I14: is one number after each comparison, the database's", async () => {
    for (let i = 0; i < 3; i++) {
      expect(await bearWitness(db(), host, memory)).toBeNull();
      expect(await readdir(join(directory, "witness", "i"))).toEqual([await witness()]);
    }
  });

  it("I14: whoever dies between any two steps, from whatever state, leaves what the next one agrees with", async () => {
    const states: Record<string, () => Promise<unknown>> = {
      "the first time": async () => {},
      "as always": () => bearWitness(db(), host, memory),
      "after an operator confirmed": async () => {
        await bearWitness(db(), host, memory);
        await db().execute(sql`update hosts set witness = '00000000-0000-0000-0000-000000000000'`);
      },
      "after the host's row came without a number": () => db().execute(sql`insert into hosts (id, name, backends) values (${host.id}, 'h', '{}')`),
    };
    for (const [state, make] of Object.entries(states)) {
      for (let n = 1; ; n++) {
        await db().execute(sql`delete from hosts`);
        await memory.forget(await memory.known());
        await make();
        let left = n;
        const step = () => {
          if (--left === 0) throw new Error("died");
        };
        // Before each effect, and after the last.
        const mortal: HostMemory = {
          known: async () => (step(), memory.known()),
          remember: async (number) => (step(), memory.remember(number).then(step)),
          forget: async (numbers) => {
            for (const one of numbers) {
              step();
              await memory.forget([one]);
            }
            step();
          },
        };
        const mortalDb = new Proxy(db(), { get: (target, name) => (name === "execute" ? async (q: never) => (step(), target.execute(q).then((rows) => (step(), rows))) : Reflect.get(target, name)) });
        const lived = await bearWitness(mortalDb as never, host, mortal).then(
          () => true,
          () => false,
        );
        expect(await bearWitness(db(), host, memory), `${state}, step ${n}`).toBeNull();
        expect(await memory.known()).toEqual([await witness()]);
        if (lived) break;
      }
    }
  });

  it("I14: many workers of a machine at once agree with the database", async () => {
    const results = await Promise.all(Array.from({ length: 8 }, async () => Promise.all([bearWitness(db(), host, memory), bearWitness(db(), host, memory)])));
    expect(results.flat()).toEqual(Array.from({ length: 16 }, () => null));
    for (let i = 0; i < 5; i++) expect(await Promise.all(Array.from({ length: 6 }, () => bearWitness(db(), host, memory)))).toEqual([null, null, null, null, null, null]);
    expect(await memory.known()).toContain(await witness());
  });

  it("I14: does not fit a database that does not know of it, and fits another installation's", async () => {
    await bearWitness(db(), host, memory);
    await db().execute(sql`delete from hosts`);
    expect(await bearWitness(db(), host, memory)).toMatch(/does not know of it/);
    expect(await bearWitness(db(), host, await hostMemory(directory, "another"))).toBeNull();
  });
});
