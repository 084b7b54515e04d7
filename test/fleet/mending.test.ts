import { afterEach, beforeEach, expect, it } from "vitest";
import { openWorkerFleet } from "../../src/app/worker.ts";
import { changeEnvironment, deleteEnvironment } from "../../src/db/environment-changes.ts";
import { findLease, type Lease } from "../../src/db/leases.ts";
import { directoryProvider } from "../../src/drivers/fake/provider.ts";
import { changeEnvironmentStatus } from "../../src/leases/archive-environment.ts";
import type { WorkerFleet } from "../../src/leases/fleet.ts";
import { forgetLease } from "../../src/leases/forget.ts";
import { letLeaseGo } from "../../src/leases/let-go.ts";
import { releaseLease } from "../../src/leases/release.ts";
import { requestAdHocLease } from "../../src/leases/request-ad-hoc.ts";
import { retryStuckLease } from "../../src/leases/retry-stuck.ts";
import { acquireNext } from "../support/acquire-next.ts";
import { compareNow, findings, orphanLeases, passGrace } from "../support/reconciling.ts";
import { startStack, type Stack } from "../support/stack.ts";

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

const provider = () => directoryProvider(stack.config.fakeProvider ?? "");
const now = async (lease: Lease): Promise<Lease> => {
  const found = await findLease(fleet.db, lease.id);
  if (found === undefined) throw new Error("the lease is gone");
  return found;
};
const ask = async (environment: string): Promise<Lease> => (await requestAdHocLease(fleet, stack.companyId, undefined, { environment })).lease;

async function held(environment: string): Promise<Lease> {
  const lease = await ask(environment);
  expect(await acquireNext(fleet, "sandbox-fake", false)).toBe(true);
  expect((await now(lease)).state).toBe("active");
  return now(lease);
}

/** A lease whose release is refused for so many times, once it was. */
async function stuck(refusals: number): Promise<{ lease: Lease; environment: string }> {
  const environment = await stack.fakeEnvironment({ commands: "instant", faults: [{ verb: "release", call: [1, refusals], fault: "fail", kind: "refused" }] }, 1);
  const lease = await held(environment);
  await letLeaseGo(fleet, stack.companyId, lease.id);
  await releaseLease(fleet, lease.id, never);
  expect((await now(lease)).state).toBe("stuck");
  return { lease: await now(lease), environment };
}

it("I4: a stuck lease that an operator retries is released at once", async () => {
  const { lease } = await stuck(1);
  await retryStuckLease(fleet, stack.companyId, lease.id, "test");
  await releaseLease(fleet, lease.id, never);
  expect((await now(lease)).state).toBe("released");
  expect(await provider().list()).toEqual([]);
});

it("I4, I14: a stuck lease that an operator forgets frees its slot, and reconcile reports what it held and never touches it", async () => {
  const { lease, environment } = await stuck(1_000_000);
  const next = await ask(environment);
  expect(await acquireNext(fleet, "sandbox-fake", false)).toBe(false);
  await forgetLease(fleet, stack.companyId, lease.id, "test", "we keep it to look at it");
  expect((await now(lease)).state).toBe("released");
  expect(await acquireNext(fleet, "sandbox-fake", false)).toBe(true);
  expect((await now(next)).state).toBe("active");
  for (let i = 0; i < 3; i++) {
    await compareNow(fleet);
    await passGrace(fleet.db);
  }
  expect(await findings(fleet.db)).toEqual([{ key: lease.resourceKey, kind: "forgotten" }]);
  expect(await orphanLeases(fleet.db)).toEqual([]);
  expect((await provider().list()).map((one) => one.key).toSorted()).toEqual([lease.resourceKey, next.resourceKey].toSorted());
});

it("of a retry and a forget at once, one happens", async () => {
  const { lease } = await stuck(1_000_000);
  const both = await Promise.allSettled([retryStuckLease(fleet, stack.companyId, lease.id, "a"), forgetLease(fleet, stack.companyId, lease.id, "b", "gone")]);
  const { state } = await now(lease);
  expect(["releasing", "released"]).toContain(state);
  // Who forgets after the other has retried is told that it is not stuck; who retries after it was forgotten finds it ended.
  expect(both.map(({ status }) => status)).toEqual(["fulfilled", state === "releasing" ? "rejected" : "fulfilled"]);
});

it("I3: a lease keeps the config it was made with, and is given back after its environment's was changed, archived and, in the end, deleted", async () => {
  const environment = await stack.fakeEnvironment({ commands: "instant" });
  const [old, { companyId }] = [await held(environment), { companyId: stack.companyId }];
  const { after } = await changeEnvironment(fleet.db, companyId, environment, () => ({ config: { provider: "fake", commands: "instant", faults: [{ verb: "create", call: [1, 100], fault: "fail", kind: "refused" }] } }));
  const fresh = await ask(environment);
  await acquireNext(fleet, "sandbox-fake", false);
  expect(await now(fresh)).toMatchObject({ state: "releasing", ending: "failed", config: after.config });
  expect((await now(old)).config).toEqual({ provider: "fake", commands: "instant" });
  await changeEnvironmentStatus(fleet, { companyId, id: environment }, "archived");
  await letLeaseGo(fleet, companyId, old.id);
  await expect(deleteEnvironment(fleet.db, companyId, environment)).rejects.toMatchObject({ code: "environment_in_use" });
  for (const lease of [old, fresh]) await releaseLease(fleet, lease.id, never);
  expect(await provider().list()).toEqual([]);
  await deleteEnvironment(fleet.db, companyId, environment);
  expect([(await now(old)).state, (await now(fresh)).state]).toEqual(["released", "failed"]);
});
