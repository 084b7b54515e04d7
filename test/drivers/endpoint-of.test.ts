import { expect, it } from "vitest";
import { endpointOf } from "../../src/leases/endpoint-of.ts";
import { fakeProvider } from "./fake-lease.ts";

it("a place that does not say which one it is keeps nobody waiting for longer than a driver's call may take", async () => {
  const fake = fakeProvider();
  try {
    const { driver } = fake;
    const endpoint = await endpointOf(driver);
    expect(endpoint).toMatch(/^fake:[0-9a-f-]{36}$/);
    const inventory = driver.inventory === null ? null : { ...driver.inventory, endpoint: () => new Promise<string>(() => {}) };
    await expect(endpointOf({ ...driver, facts: { ...driver.facts, callTimeoutMs: 30 }, inventory })).rejects.toMatchObject({ kind: "transient", code: "provider_timeout" });
    expect(await endpointOf({ ...driver, inventory: null })).toBeNull();
  } finally {
    fake.remove();
  }
});
