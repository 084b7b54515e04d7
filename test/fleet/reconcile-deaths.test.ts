import { fork } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openWorkerFleet } from "../../src/app/worker.ts";
import { childEnvironment } from "../../src/config.ts";
import { findLease, type Lease } from "../../src/db/leases.ts";
import { newId } from "../../src/domain/ids.ts";
import { directoryProvider } from "../../src/drivers/fake/provider.ts";
import { acquireNext } from "../support/acquire-next.ts";
import type { WorkerFleet } from "../../src/leases/fleet.ts";
import { releaseLease } from "../../src/leases/release.ts";
import { requestAdHocLease } from "../../src/leases/request-ad-hoc.ts";
import { packageDirectory } from "../../src/package-directory.ts";
import { quietLog } from "../support/quiet-log.ts";
import { compareNow, heldWhy, orphanLeases, passGrace } from "../support/reconciling.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { plainValue } from "../../src/domain/secret.ts";

const entry = join(packageDirectory(), "dist/test/bin/dying-reconciler.js");
const never = new AbortController().signal;
let stack: Stack;
let fleet: WorkerFleet;
let close: () => Promise<void>;
let environment: string;
beforeAll(async () => {
  stack = await startStack();
  const opened = await openWorkerFleet(stack.config, stack.base);
  fleet = opened.fleet;
  close = () => opened.close();
  environment = await stack.fakeEnvironment({ commands: "instant" });
});
afterAll(async () => {
  await close();
  await stack.close();
});

const db = () => stack.base.database.db;
const provider = () => directoryProvider(stack.config.fakeProvider ?? "");

async function held(): Promise<Lease> {
  const { lease } = await requestAdHocLease(fleet, stack.companyId, undefined, { environment });
  expect(await acquireNext(fleet, "sandbox-fake", false)).toBe(true);
  return (await findLease(db(), lease.id)) ?? lease;
}

/** An orphan, a duplicate and a vanished resource at once; the worker that compares dies before its nth statement. */
async function survives(n: number): Promise<boolean> {
  const what = `statement ${n}`;
  const [twice, gone] = [await held(), await held()];
  const orphan = newId();
  await fleet.driver("sandbox-fake").acquire({ signal: never, log: quietLog, fence: 1, reveal: plainValue }, {
    key: orphan,
    config: { provider: "fake", commands: "instant" },
    labels: { installation: fleet.installation, company: stack.companyId, run: null },
    expiresAt: new Date(Date.now() + 60_000),
  });
  const [own] = await provider().list(twice.resourceKey);
  await provider().create({ key: twice.resourceKey, labels: { ...own?.labels, holder: newId() }, expiresAt: new Date(), commands: "instant", prepare: (directory) => mkdir(join(directory, "fence.1")) });
  await compareNow(fleet);
  await passGrace(db());
  for (const one of await provider().list(gone.resourceKey)) await provider().destroy(one);
  await db().execute(sql`update reconcile_endpoints set due_at = clock_timestamp()`);

  const mortal = fork(entry, [String(n)], { env: childEnvironment(stack.config, { PATH: process.env["PATH"] }), stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const end = await new Promise((resolve) => mortal.once("exit", (code, signal) => resolve(signal ?? code)));
  expect([0, "SIGKILL"], what).toContain(end);

  // The dead worker's claim lapses, and the next one compares.
  await db().execute(sql`update reconcile_endpoints set claim_until = clock_timestamp() - interval '1 second' where claim_until is not null`);
  await compareNow(fleet);
  expect(await heldWhy(db()), what).toBeNull();
  const mine = (await orphanLeases(db())).filter((one) => one["key"] === orphan);
  expect(mine, what).toHaveLength(1);
  expect((await provider().list(twice.resourceKey)).map((one) => one.id), what).toEqual([own?.id]);
  expect(await findLease(db(), twice.id), what).toMatchObject({ state: "active", fence: twice.fence });
  expect(await findLease(db(), gone.id), what).toMatchObject({ state: "releasing", ending: "failed" });
  for (const id of [String(mine[0]?.["id"]), gone.id]) await releaseLease(fleet, id, never);
  expect((await provider().list()).map((one) => one.key), what).toEqual([twice.resourceKey]);
  await db().execute(sql`update environment_leases set status = 'releasing', fence = fence + 1, ending = 'released', ended_at = now(), releasing_since = now() where id = ${twice.id}`);
  await releaseLease(fleet, twice.id, never);
  return end === "SIGKILL";
}

it("I2, I3, I5, I14: a comparison survives its worker's death before every statement: each thing is done once, and nothing is held back", async () => {
  let n = 1;
  while (await survives(n)) n++;
  expect(n).toBeGreaterThan(15);
}, 300_000);
