import { describe, expect, it } from "vitest";
import type { Bench } from "../bench.ts";

/** inspect, extend and session of a resource that is there, that is not, and that nobody can tell of. */
export function life(bench: Bench): void {
  const { driver, subject } = bench;

  describe("inspect", () => {
    it("says up, then gone, and gone of what never was", async () => {
      const key = bench.key();
      const { handle } = await bench.acquire(key);
      expect(await driver.inspect(bench.context(), { key, handle })).toBe("up");
      await bench.release(key);
      expect(await driver.inspect(bench.context(), { key, handle })).toBe("gone");
      expect(await driver.inspect(bench.context(), { key: bench.key(), handle })).toBe("gone");
    });

    it("I14: says nothing of what it cannot reach", async () => {
      const { handle } = await bench.acquire(bench.key());
      const nowhere = await subject.unreachable();
      const said = await nowhere.inspect(bench.context(), { key: bench.key(), handle }).catch((error: { kind: string }) => error.kind);
      expect(["unknown", "transient"]).toContain(said);
      await nowhere.close();
    });
  });

  describe("extend", () => {
    it("gives what was granted, never more than it promised", async () => {
      const { key, handle } = await bench.lease();
      const wanted = new Date(Date.now() + 10 * 60_000);
      for (let i = 0; i < 2; i++) {
        const granted = await driver.extend(bench.context(), { key, handle }, wanted);
        expect(granted.getTime()).toBeGreaterThan(Date.now());
        expect(granted.getTime()).toBeLessThanOrEqual(driver.facts.maxTtlMs === null ? wanted.getTime() : Math.min(wanted.getTime(), Date.now() + driver.facts.maxTtlMs));
      }
      expect(await driver.inspect(bench.context(), { key, handle })).toBe("up");
    });
  });

  describe("session", () => {
    it("is to be had again and again, and names four places", async () => {
      const { key, handle, session } = await bench.lease();
      const again = await driver.session(bench.context(), { key, handle });
      expect(again.places).toEqual(session.places);
      expect(again.seen).toEqual(session.seen);
      const paths = Object.values(session.places);
      expect(new Set(paths).size).toBe(4);
      for (const path of [...paths, ...Object.values(session.seen)]) expect(path).toMatch(/^\//);
      expect(Object.keys(session.env)).toEqual(["PATH"]);
    });

    it("of a resource that is gone: gone, also when it goes while the session is held", async () => {
      const lease = await bench.lease();
      const { key, handle, session } = lease;
      await bench.release(key);
      await expect(driver.session(bench.context(), { key, handle })).rejects.toMatchObject({ kind: "gone" });
      await expect(driver.session(bench.context(), { key: bench.key(), handle })).rejects.toMatchObject({ kind: "gone" });
      const execution = lease.execution();
      const caller = { fence: 1, offer: 1 };
      await expect(execution.start(caller, lease.sh("true"))).rejects.toMatchObject({ kind: "gone" });
      await expect(execution.plant(caller)).rejects.toMatchObject({ kind: "gone" });
      await expect(execution.follow(caller, { stdout: 0, stderr: 0 })).rejects.toMatchObject({ kind: "gone" });
      expect(await execution.status()).toEqual({ kind: "gone" });
      await expect(session.open(["true"])).rejects.toMatchObject({ kind: "gone" });
    });

    it("of another installation's resource is refused, and so is release", async () => {
      const { key, handle } = await bench.lease();
      const other = await subject.open(subject.otherInstallation);
      await expect(other.session(bench.context(), { key, handle })).rejects.toSatisfy((error: { kind: string }) => ["refused", "gone"].includes(error.kind));
      for (const given of [handle, null]) await expect(other.release(bench.context(), { key, handle: given, config: bench.subject.config })).rejects.toMatchObject({ kind: "refused" });
      await other.close();
      expect(await driver.inspect(bench.context(), { key, handle })).toBe("up");
    });
  });
}
