import { describe, expect, it } from "vitest";
import type { Inventory, Listed } from "../../../src/drivers/driver.ts";
import { type Bench, company, lastFence } from "../bench.ts";

export function inventory(bench: Bench): void {
  const { inventory: declaredOne } = bench.driver;
  if (declaredOne === null) undeclared(bench);
  else declared(bench, declaredOne);
}

function undeclared({ driver }: Bench): void {
  describe("inventory: not declared", () => {
    it("then the provider ends what is forgotten, within a time it says", () => expect(driver.facts.maxTtlMs).toBeGreaterThan(0));
  });
}

async function wholeListing(bench: Bench, by = bench.driver): Promise<Listed[]> {
  const found: Listed[] = [];
  for await (const entry of by.inventory?.list(bench.context()) ?? []) found.push(entry);
  return found;
}

function declared(bench: Bench, { list, endpoint, discard }: Inventory): void {
  const { driver, subject } = bench;
  if (discard !== null) discards(bench, discard);

  describe("inventory", () => {
    it("I14: lists exactly ours, with key and labels, while others' are there too", async () => {
      await bench.clear();
      const before = new Date(Date.now() - 5000);
      const keys = [bench.key(), bench.key()].toSorted();
      for (const key of keys) await bench.acquire(key);
      await bench.release(bench.key());
      const other = await subject.open(subject.otherInstallation);
      const theirs = bench.key();
      await bench.acquire(theirs, { by: other, installation: subject.otherInstallation });

      const found: Listed[] = [];
      for await (const entry of list(bench.context())) found.push(entry);
      expect(found.map((entry) => entry.key).toSorted()).toEqual(keys);
      for (const entry of found) {
        expect(entry.labels).toEqual({ installation: subject.installation, company, run: null });
        expect(entry.createdAt.getTime()).toBeGreaterThan(before.getTime());
      }
      expect(await bench.listed(other)).toEqual([theirs]);
      await bench.release(theirs, { by: other, fence: lastFence });
      await other.close();
    });

    it("lists the run for which a resource was made", async () => {
      const key = bench.key();
      const run = bench.key();
      await driver.acquire(bench.context(), { key, config: subject.config, labels: { ...bench.labels(), run }, expiresAt: new Date(Date.now() + 60_000) });
      for await (const entry of list(bench.context())) if (entry.key === key) expect(entry.labels.run).toBe(run);
      expect(await bench.listed()).toContain(key);
    });

    it("says the highest fence that a resource has seen, or that it does not know", async () => {
      const key = bench.key();
      await bench.acquire(key, { fence: 3 });
      await bench.acquire(key, { fence: 7 });
      const entry = (await wholeListing(bench)).find((one) => one.key === key);
      expect([7, ...(driver.facts.fencing === "enforced" ? [] : [null])]).toContain(entry?.fence);
      // So who releases it by the listing alone is not refused.
      await bench.release(key, { fence: (entry?.fence ?? 7) + 1 });
      expect(await bench.listed()).not.toContain(key);
    });

    it("I14: the place has one identity, for whoever asks, of whatever installation, and another place has another", async () => {
      const here = await endpoint();
      expect(here).toMatch(new RegExp(`^${driver.provider}:.+`));
      for (const installation of [subject.installation, subject.otherInstallation]) {
        const fresh = await subject.open(installation);
        expect(await fresh.inventory?.endpoint()).toBe(here);
        await fresh.close();
      }
      await bench.acquire(bench.key());
      expect(await endpoint()).toBe(here);
      const elsewhere = await subject.elsewhere();
      expect(await elsewhere.inventory?.endpoint()).not.toBe(here);
      await elsewhere.close();
    });

    it("I14: a place that cannot be reached has no identity", async () => {
      const nowhere = await subject.unreachable();
      await expect(nowhere.inventory?.endpoint()).rejects.toMatchObject({ kind: "transient" });
      await nowhere.close();
    });

    it("I14: a listing that fails throws; it is no empty one", async () => {
      const nowhere = await subject.unreachable();
      await expect(bench.listed(nowhere)).rejects.toSatisfy((error: { kind: string }) => ["transient", "refused"].includes(error.kind));
      await nowhere.close();
    });
  });
}

function discards(bench: Bench, discard: NonNullable<Inventory["discard"]>): void {
  const { subject } = bench;

  describe("inventory: discard", () => {
    it("I2: discards one resource of a key by the provider's name, and no other; again is no error", async () => {
      const [key, beside] = [bench.key(), bench.key()];
      await bench.acquire(key);
      await bench.acquire(beside);
      const found = await wholeListing(bench);
      const one = found.find((entry) => entry.key === key);
      const providerLeaseId = one?.providerLeaseId ?? "";
      expect(providerLeaseId).not.toBe("");
      await discard(bench.context(lastFence), { key, providerLeaseId: found.find((entry) => entry.key === beside)?.providerLeaseId ?? "" });
      expect(await bench.listed()).toEqual(expect.arrayContaining([key, beside]));
      await discard(bench.context(lastFence), { key, providerLeaseId });
      await discard(bench.context(lastFence), { key, providerLeaseId });
      expect(await bench.listed()).toContain(beside);
      expect(await bench.listed()).not.toContain(key);
    });

    it("I14: discards nothing of another installation", async () => {
      const other = await subject.open(subject.otherInstallation);
      const theirs = bench.key();
      await bench.acquire(theirs, { by: other, installation: subject.otherInstallation });
      const [entry] = (await wholeListing(bench, other)).filter((one) => one.key === theirs);
      await expect(discard(bench.context(lastFence), { key: theirs, providerLeaseId: entry?.providerLeaseId ?? "" })).rejects.toMatchObject({ kind: "refused" });
      expect(await bench.listed(other)).toEqual([theirs]);
      await bench.release(theirs, { by: other, fence: lastFence });
      await other.close();
    });
  });
}
