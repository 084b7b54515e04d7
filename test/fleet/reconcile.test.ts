import { cp, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openWorkerFleet } from "../../src/app/worker.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { findLease, type Lease } from "../../src/db/leases.ts";
import { limits } from "../../src/domain/defaults.ts";
import { newId } from "../../src/domain/ids.ts";
import type { Fault } from "../../src/drivers/fake/faults.ts";
import { directoryProvider } from "../../src/drivers/fake/provider.ts";
import { localDriver } from "../../src/drivers/local/driver.ts";
import { acquireNext } from "../support/acquire-next.ts";
import type { WorkerFleet } from "../../src/leases/fleet.ts";
import { reconcileDue } from "../../src/leases/reconcile.ts";
import { releaseLease } from "../../src/leases/release.ts";
import { requestAdHocLease } from "../../src/leases/request-ad-hoc.ts";
import { insertLeaseIn } from "../support/lease-rows.ts";
import { plainValue } from "../../src/domain/secret.ts";
import { quietLog } from "../support/quiet-log.ts";
import { compareNow, endpointRow, findings, orphanLeases, passGrace } from "../support/reconciling.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { eventually } from "../support/eventually.ts";

const never = new AbortController().signal;
let stack: Stack;
let fleet: WorkerFleet;
let close: () => Promise<void>;
beforeEach(async () => {
  stack = await startStack();
  const opened = await openWorkerFleet(stack.config, stack.base);
  fleet = opened.fleet;
  close = () => opened.close();
});
afterEach(async () => {
  await close();
  await stack.close();
});

const db = () => stack.base.database.db;
const provider = () => directoryProvider(stack.config.fakeProvider ?? "");
const context = (fence = 1) => ({ signal: never, log: quietLog, fence, reveal: plainValue });

/** A sandbox that no lease knows of, as an acquire leaves it that nobody remembers. */
async function stray(company = stack.companyId, key = newId(), by = fleet): Promise<string> {
  await by.driver("sandbox-fake").acquire(context(3), {
    key,
    config: { provider: "fake", commands: "instant" },
    labels: { installation: by.installation, company, run: null },
    expiresAt: new Date(Date.now() + 60_000),
  });
  return key;
}

/** An active ad-hoc lease at the provider. */
async function held(): Promise<Lease> {
  const environment = await stack.fakeEnvironment({ commands: "instant" });
  const { lease } = await requestAdHocLease(fleet, stack.companyId, undefined, { environment });
  expect(await acquireNext(fleet, "sandbox-fake", false)).toBe(true);
  const active = await findLease(db(), lease.id);
  if (active?.state !== "active") throw new Error(`the lease is ${active?.state}`);
  return active;
}

/** Another sandbox under the lease's key. */
const duplicateOf = async (lease: Lease): Promise<string> => {
  const [own] = await provider().list(lease.resourceKey);
  const made = await provider().create({
    key: lease.resourceKey,
    labels: { ...own?.labels, holder: newId() },
    expiresAt: new Date(),
    commands: "instant",
    prepare: (directory) => mkdir(join(directory, "fence.1")),
  });
  return made.id;
};

const sandboxes = async (): Promise<string[]> => (await provider().list()).map((one) => one.key);
const releaseAll = async (): Promise<void> => {
  for (const { id } of await orphanLeases(db())) await releaseLease(fleet, String(id), never);
};
const sharedFaults = (faults: readonly Fault[]) => writeFile(join(stack.config.fakeProvider ?? "", "faults.json"), JSON.stringify(faults));

describe("an orphan", () => {
  it("I2, I14: is given back through a lease of its own, once two listings a grace apart have shown it", async () => {
    const key = await stray();
    await compareNow(fleet);
    expect(await findings(db())).toEqual([{ key, kind: "orphan" }]);
    await compareNow(fleet);
    expect(await orphanLeases(db())).toEqual([]);
    await passGrace(db());
    await compareNow(fleet);
    const [lease, ...more] = await orphanLeases(db());
    expect(more).toEqual([]);
    // Above what the sandbox has seen, so that its release is not refused.
    expect(lease).toMatchObject({ key, status: "releasing", company: stack.companyId, fence: 4 });
    expect(await endpointRow(db())).toMatchObject({ orphans: 1, deferred: 0, listed: 1, failure: null });
    await releaseAll();
    expect(await sandboxes()).toEqual([]);
    expect(await orphanLeases(db())).toMatchObject([{ status: "failed" }]);
    await compareNow(fleet);
    expect(await findings(db())).toEqual([]);
    expect(await orphanLeases(db())).toHaveLength(1);
  });

  it("I2: made by a provider that was late, after its lease was over, is found and gone by itself", async () => {
    const environment = await stack.fakeEnvironment({ commands: "instant", faults: [{ verb: "create", call: 1, fault: "create_late", afterMs: 8000 }] });
    await stack.worker({ backends: ["sandbox-fake"] });
    const run = await stack.submit({ command: ["true"], environment: { project: environment } });
    const { lease } = await stack.ended(run.id);
    expect(lease?.state).toBe("released");
    await eventually(async () => {
      await compareNow(fleet);
      expect(await findings(db())).toEqual([{ key: lease?.resourceKey, kind: "orphan" }]);
    });
    await passGrace(db());
    await compareNow(fleet);
    await eventually(async () => {
      await stack.sweep();
      expect(await orphanLeases(db())).toMatchObject([{ key: lease?.resourceKey, status: "failed" }]);
    });
    expect(await sandboxes()).toEqual([]);
  });

  it("I14: of many, so many are given back at once, the oldest first, and the rest is told", async () => {
    for (let i = 0; i < 100; i++) await stray();
    await compareNow(fleet);
    await passGrace(db());
    const cycles = 100 / limits.reconcileCap;
    for (let i = 1; i <= cycles; i++) {
      await compareNow(fleet);
      expect(await orphanLeases(db())).toHaveLength(i * limits.reconcileCap);
      expect(await endpointRow(db())).toMatchObject({ orphans: limits.reconcileCap, deferred: 100 - i * limits.reconcileCap });
    }
  });

  it("I3: is none while its key has an open lease, in whatever state, and wherever that is bound", async () => {
    for (const state of ["requested", "acquiring", "active", "releasing", "retained", "stuck"] as const) {
      const lease = await insertLeaseIn(db(), stack.companyId, { state, patch: { backend: "sandbox-fake", provider: "fake", host: state === "stuck" ? newId() : fleet.host.id } });
      await stray(stack.companyId, lease.resourceKey);
    }
    await compareNow(fleet);
    await passGrace(db());
    await compareNow(fleet);
    expect(await findings(db())).toEqual([]);
    expect(await orphanLeases(db())).toEqual([]);
  });

  it("I3: is none when its key got an heir", async () => {
    const key = await stray();
    await compareNow(fleet);
    await passGrace(db());
    await insertLeaseIn(db(), stack.companyId, { state: "active", patch: { backend: "sandbox-fake", provider: "fake", host: fleet.host.id, resourceKey: key } });
    await compareNow(fleet);
    expect(await orphanLeases(db())).toEqual([]);
    expect(await findings(db())).toEqual([]);
  });

  it("I14: of a company that is not here is reported and left alone", async () => {
    const key = await stray(newId());
    const nobodys = await stray("acme");
    for (let i = 0; i < 2; i++) {
      await compareNow(fleet);
      await passGrace(db());
    }
    expect(await findings(db())).toEqual([key, nobodys].toSorted().map((one) => ({ key: one, kind: "unknown_company" })));
    expect(await orphanLeases(db())).toEqual([]);
    expect(await sandboxes()).toHaveLength(2);
  });

  it("is none where an operator gave its lease up and took it on", async () => {
    const first = await insertLeaseIn(db(), stack.companyId, { state: "failed", patch: { backend: "sandbox-fake", provider: "fake" } });
    // Of this one the lease that was given up is already the second of its key.
    const key = newId();
    const second = await insertLeaseIn(db(), stack.companyId, { state: "failed", patch: { backend: "sandbox-fake", provider: "fake", resourceKey: key } });
    for (const lease of [first, second]) await db().execute(sql`insert into lease_events (id, lease_id, event, from_state, to_state, fence, who) values (${newId()}, ${lease.id}, 'forget', 'stuck', 'failed', 1, 'op')`);
    await stray(stack.companyId, first.resourceKey);
    await stray(stack.companyId, key);
    for (let i = 0; i < 3; i++) {
      await compareNow(fleet);
      await passGrace(db());
    }
    expect(await findings(db())).toEqual([first.resourceKey, key].toSorted().map((one) => ({ key: one, kind: "forgotten" })));
    expect(await orphanLeases(db())).toEqual([]);
  });

  it("I2, I3: is given back once, however many workers compare at once", async () => {
    await stray();
    await compareNow(fleet);
    await passGrace(db());
    const other = await openWorkerFleet(stack.config, stack.base);
    await Promise.all([compareNow(fleet), compareNow(other.fleet), compareNow(fleet), compareNow(other.fleet)]);
    expect(await orphanLeases(db())).toHaveLength(1);
    await other.close();
  });

  it("I5: is left alone by a worker that lost its claim while it listed", async () => {
    await stray();
    await compareNow(fleet);
    await passGrace(db());
    const driver = fleet.driver("sandbox-fake");
    const { inventory } = driver;
    if (inventory === null) throw new Error("no inventory");
    const asleep: WorkerFleet = {
      ...fleet,
      driver: () => ({
        ...driver,
        inventory: {
          ...inventory,
          list: async function* (of) {
            yield* inventory.list(of);
            await db().execute(sql`update reconcile_endpoints set claim_token = ${newId()}, claim_owner = 'somebody newer'`);
          },
        },
      }),
    };
    await compareNow(asleep);
    expect(await orphanLeases(db())).toEqual([]);
    expect(await endpointRow(db())).toMatchObject({ claim_owner: "somebody newer" });
  });
});

describe("a duplicate", () => {
  it("I2: of an active lease's resource is removed by its own name after the grace; the lease goes on", async () => {
    const lease = await held();
    const [own] = await provider().list(lease.resourceKey);
    const twin = await duplicateOf(lease);
    await compareNow(fleet);
    expect(await findings(db())).toEqual([{ key: lease.resourceKey, kind: "duplicate" }]);
    expect(await provider().list(lease.resourceKey)).toHaveLength(2);
    await passGrace(db());
    await compareNow(fleet);
    expect((await provider().list(lease.resourceKey)).map((one) => one.id)).toEqual([own?.id]);
    expect(twin).not.toBe(own?.id);
    expect(await endpointRow(db())).toMatchObject({ duplicates: 1, orphans: 0, vanished: 0 });
    expect(await findLease(db(), lease.id)).toMatchObject({ state: "active", fence: lease.fence });
    await compareNow(fleet);
    expect(await findings(db())).toEqual([]);
  });

  it("I2: beside which the lease's own is gone is no substitute: the lease ends, and with it whatever has its key", async () => {
    const lease = await held();
    const [own] = await provider().list(lease.resourceKey);
    await duplicateOf(lease);
    if (own !== undefined) await provider().destroy(own);
    await compareNow(fleet);
    expect(await provider().list(lease.resourceKey)).toHaveLength(1);
    expect(await findLease(db(), lease.id)).toMatchObject({ state: "releasing", ending: "failed" });
    await releaseLease(fleet, lease.id, never);
    expect(await sandboxes()).toEqual([]);
  });

  it("I5: is left alone when the lease ended meanwhile", async () => {
    const lease = await held();
    await duplicateOf(lease);
    await compareNow(fleet);
    await passGrace(db());
    await db().execute(sql`update environment_leases set fence = fence + 1, status = 'releasing', ending = 'released', ended_at = now(), releasing_since = now() where id = ${lease.id}`);
    await compareNow(fleet);
    expect(await provider().list(lease.resourceKey)).toHaveLength(2);
    expect(await findings(db())).toEqual([]);
  });
});

describe("a lease whose resource is not listed", () => {
  it("I4, I8: has vanished when the provider says that it is gone; its run ends as lost", async () => {
    const environment = await stack.fakeEnvironment();
    const worker = await stack.worker({ backends: ["sandbox-fake"] });
    const run = await stack.submit({ command: ["sleep", "600"], environment: { project: environment } });
    await eventually(async () => expect((await stack.situation(run.id)).execution?.state).toBe("running"));
    const { lease } = await stack.situation(run.id);
    // Nobody follows when it is taken away; who follows finds out by itself.
    await worker.stop();
    const [own] = await provider().list(lease?.resourceKey);
    if (own === undefined) throw new Error("no sandbox");
    await provider().destroy(own);
    await compareNow(fleet);
    expect(await findLease(db(), lease?.id ?? "")).toMatchObject({ state: "releasing", ending: "failed", failureReason: "its resource vanished" });
    await stack.worker({ backends: ["sandbox-fake"] });
    const { run: ended, lease: final } = await stack.ended(run.id);
    expect(ended.outcome).toMatchObject({ kind: "lost" });
    expect(final?.state).toBe("failed");
  });

  it("I14: lives on while the provider says that it is there: the listing was behind", async () => {
    const lease = await held();
    await sharedFaults([{ verb: "list", call: [1, 1000], fault: "list_stale" }]);
    await compareNow(fleet);
    expect(await endpointRow(db())).toMatchObject({ listed: 0, vanished: 0 });
    expect(await findLease(db(), lease.id)).toMatchObject({ state: "active" });
  });

  it("I14: lives on when it was acquired after the listing began, at another place, or by a version that noted no place", async () => {
    const [after, elsewhere, before] = [await held(), await held(), await held()];
    await rm(join(stack.config.fakeProvider ?? "", "sandboxes"), { recursive: true });
    await mkdir(join(stack.config.fakeProvider ?? "", "sandboxes"));
    await db().execute(sql`update environment_leases set acquired_at = clock_timestamp() + interval '1 minute' where id = ${after.id}`);
    await db().execute(sql`update environment_leases set endpoint = 'fake:another' where id = ${elsewhere.id}`);
    await db().execute(sql`update environment_leases set endpoint = null where id = ${before.id}`);
    await compareNow(fleet);
    for (const lease of [after, elsewhere, before]) expect(await findLease(db(), lease.id)).toMatchObject({ state: "active" });
  });
});

describe("a listing that fails", () => {
  it.each([
    ["at once", { verb: "inventory", call: 1, fault: "fail", kind: "unknown" }],
    ["at the provider", { verb: "list", call: 1, fault: "list_fails" }],
  ] as const)("I14: %s concludes nothing, and says why", async (_when, fault) => {
    const lease = await held();
    const key = await stray();
    await compareNow(fleet);
    await passGrace(db());
    await sharedFaults([fault]);
    await compareNow(fleet);
    expect(await findings(db())).toEqual([{ key, kind: "orphan" }]);
    expect(await orphanLeases(db())).toEqual([]);
    expect(await findLease(db(), lease.id)).toMatchObject({ state: "active" });
    expect((await endpointRow(db()))["failure"]).toEqual(expect.any(String));
    await compareNow(fleet);
    expect(await endpointRow(db())).toMatchObject({ failure: null, orphans: 1 });
  });

  it("I14: in the middle concludes nothing of its first half", async () => {
    const lease = await held();
    await stray();
    await compareNow(fleet);
    await passGrace(db());
    const driver = fleet.driver("sandbox-fake");
    const { inventory } = driver;
    if (inventory === null) throw new Error("no inventory");
    const broken: WorkerFleet = {
      ...fleet,
      driver: () => ({
        ...driver,
        inventory: {
          ...inventory,
          list: async function* (of) {
            for await (const one of inventory.list(of)) {
              yield one;
              throw new Error("the connection broke");
            }
          },
        },
      }),
    };
    await compareNow(broken);
    expect(await endpointRow(db())).toMatchObject({ failure: "the connection broke" });
    expect(await orphanLeases(db())).toEqual([]);
    expect(await findLease(db(), lease.id)).toMatchObject({ state: "active" });
  });

  it("I14: because the disk is not mounted: nothing has vanished, nor when workers start without it", async () => {
    const lease = await held();
    const root = stack.config.fakeProvider ?? "";
    await compareNow(fleet);
    const before = (await endpointRow(db()))["endpoint"];
    await rename(root, `${root}.away`);
    await mkdir(join(root, "sandboxes"), { recursive: true });
    // What the worker knew is due, and cannot be listed.
    await db().execute(sql`update reconcile_endpoints set due_at = clock_timestamp()`);
    await reconcileDue(fleet, [String(before)], never);
    expect((await endpointRow(db()))["failure"]).toMatch(/is its disk mounted/);
    expect(await findLease(db(), lease.id)).toMatchObject({ state: "active" });
    const without = await openWorkerFleet(stack.config, stack.base);
    await compareNow(without.fleet);
    expect(await findLease(db(), lease.id)).toMatchObject({ state: "active" });
    await without.close();
    // And back.
    await rm(root, { recursive: true });
    await rename(`${root}.away`, root);
    await compareNow(fleet);
    expect(await findLease(db(), lease.id)).toMatchObject({ state: "active" });
    expect(await findings(db())).toEqual([]);
  });
});

describe("what is not ours", () => {
  it("I14: a machine that was made from a copy of another's disk, and lists a place of the same identity, ends none of the other's leases", async () => {
    const root = join(stack.config.dataDir, "leases");
    const copy = join(stack.config.dataDir, "copy");
    await mkdir(copy);
    await cp(root, join(copy, "leases"), { recursive: true });
    const other = await openWorkerFleet({ ...stack.config, dataDir: copy }, stack.base);
    expect(other.fleet.host.id).not.toBe(fleet.host.id);
    const environment = await insertEnvironment(db(), stack.companyId, { name: "Local", description: null, driver: "local", backend: "local", config: {}, envVars: {}, maxLeases: null, metadata: {} });
    const { lease } = await requestAdHocLease(fleet, stack.companyId, undefined, { environment: environment.id });
    expect(await acquireNext(fleet, "local", false)).toBe(true);
    await compareNow(fleet, "local");
    const { endpoint, host } = await endpointRow(db(), "local");
    expect(host).toBe(fleet.host.id);
    // The copy has said before the original that the place is its own, or after.
    await db().execute(sql`update reconcile_endpoints set due_at = clock_timestamp()`);
    await reconcileDue(other.fleet, [String(endpoint)], never);
    expect((await findLease(db(), lease.id))?.state).toBe("active");
    await compareNow(other.fleet, "local");
    expect((await findLease(db(), lease.id))?.state).toBe("active");
    expect(await readdir(root)).toContain(lease.resourceKey);
    await other.close();
  });

  it("I14: another installation's directories and junk beside ours are not touched", async () => {
    const root = join(stack.config.dataDir, "leases");
    const key = newId();
    const labels = { company: stack.companyId, run: null };
    const other = localDriver({ root, installation: "theirs" });
    await other.acquire(context(), { key, config: {}, labels: { ...labels, installation: "theirs" }, expiresAt: new Date() });
    const ours = newId();
    await fleet.driver("local").acquire(context(), { key: ours, config: {}, labels: { ...labels, installation: fleet.installation }, expiresAt: new Date() });
    const bare = newId();
    await mkdir(join(root, bare));
    await mkdir(join(root, "photos"));
    await writeFile(join(root, "notes.txt"), "mine");
    const spoiled = newId();
    await mkdir(join(root, spoiled, "control"), { recursive: true });
    await writeFile(join(root, spoiled, "control", "marker"), "no JSON");
    const junk = [key, bare, "photos", "notes.txt", spoiled];
    for (let i = 0; i < 2; i++) {
      await compareNow(fleet, "local");
      await passGrace(db());
    }
    await compareNow(fleet, "local");
    await releaseAll();
    expect((await orphanLeases(db())).map((one) => one["key"])).toEqual([ours]);
    expect(await readdir(root)).toEqual(expect.arrayContaining(junk));
    expect((await readdir(root, { withFileTypes: true })).find((entry) => entry.name === ours)?.isDirectory()).toBe(false);
  });

  it("I14: a resource under a lease's key with another company's labels is reported and left alone", async () => {
    const lease = await held();
    const [own] = await provider().list(lease.resourceKey);
    const other = await provider().create({
      key: lease.resourceKey,
      labels: { ...own?.labels, company: newId(), holder: newId() },
      expiresAt: new Date(),
      commands: "instant",
      prepare: (directory) => mkdir(join(directory, "fence.1")),
    });
    for (let i = 0; i < 3; i++) {
      await compareNow(fleet);
      await passGrace(db());
    }
    expect(await findings(db())).toEqual([{ key: lease.resourceKey, kind: "unknown_company" }]);
    expect((await provider().list(lease.resourceKey)).map((one) => one.id)).toContain(other.id);
  });
});
