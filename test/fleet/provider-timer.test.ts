import { afterEach, beforeEach, expect, it } from "vitest";
import { timing } from "../../src/domain/defaults.ts";
import { directoryProvider } from "../../src/drivers/fake/provider.ts";
import { providerExpiry } from "../../src/leases/provider-timer.ts";
import { cancelRun } from "../../src/runs/cancel.ts";
import { eventually } from "../support/eventually.ts";
import { startStack, type Stack } from "../support/stack.ts";

let stack: Stack;
beforeEach(async () => {
  stack = await startStack();
});
afterEach(() => stack.close());

it("I4: the provider keeps a lease whose run waits for as long as the lease may live: who renews the row reaches no provider", async () => {
  const environment = await stack.fakeEnvironment();
  await stack.worker({ backends: ["sandbox-fake"] });
  const run = await stack.submit({ command: ["sleep", "600"], environment: { project: environment } });
  const lease = await eventually(async () => {
    const { lease } = await stack.situation(run.id);
    expect(lease?.state).toBe("active");
    return lease;
  });
  const [sandbox] = await directoryProvider(stack.config.fakeProvider ?? "").list(lease?.resourceKey ?? "");
  expect(sandbox?.expiresAt).toEqual(lease?.maxExpiresAt);
  await cancelRun({ db: stack.base.database.db, bells: stack.base.bells }, stack.companyId, run.id);
  await stack.ended(run.id);
});

it("I13: the provider lets a command live through an outage as long as the one its watchdog lets it live through", () => {
  const granted = new Date("2026-01-01T00:02:00Z");
  const late = new Date("2026-01-02T00:00:00Z");
  expect(providerExpiry({ runId: "a run", maxExpiresAt: late }, granted).getTime() - granted.getTime()).toBe(timing.watchdog);
  expect(providerExpiry({ runId: "a run", maxExpiresAt: granted }, granted)).toEqual(granted);
  expect(providerExpiry({ runId: null, maxExpiresAt: late }, granted)).toEqual(late);
});
