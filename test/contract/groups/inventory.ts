import { describe, expect, it } from "vitest";
import type { Inventory, Listed } from "../../../src/drivers/driver.ts";
import { type Bench, company, lastFence } from "../bench.ts";

export function inventory(bench: Bench): void {
  const list = bench.driver.inventory;
  if (list === null) undeclared(bench);
  else declared(bench, list);
}

function undeclared({ driver }: Bench): void {
  describe("inventory: not declared", () => {
    it("then the provider ends what is forgotten, within a time it says", () => expect(driver.facts.maxTtlMs).toBeGreaterThan(0));
  });
}

function declared(bench: Bench, list: Inventory): void {
  const { driver, subject } = bench;

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

    it("I14: a listing that fails throws; it is no empty one", async () => {
      const nowhere = await subject.unreachable();
      await expect(bench.listed(nowhere)).rejects.toSatisfy((error: { kind: string }) => ["transient", "refused"].includes(error.kind));
      await nowhere.close();
    });
  });
}
