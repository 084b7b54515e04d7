import { describe, expect, it } from "vitest";
import { parse } from "../../../src/domain/parse.ts";
import { driverKinds } from "../../../src/domain/driver-kind.ts";
import { driverRegistry } from "../../../src/drivers/registry.ts";
import type { Bench } from "../bench.ts";
import { leaseOf } from "../lease.ts";

/** What the driver says about itself, its configs and its handles. */
export function declarations(bench: Bench): void {
  const { driver, subject } = bench;
  const { facts } = driver;

  describe("declarations", () => {
    it("says what it can", async ({ annotate }) => {
      const { session } = await bench.lease();
      const declared = {
        inventory: driver.inventory === null ? "none: what it forgets ends by itself" : "yes",
        ...facts,
        enclosure: session.enclosure === null ? "none: commands are processes like our helpers" : "yes: kills are verified by it",
        executions: session.executions === null ? "none: our supervisor runs them" : "its own",
        "control directory": subject.controlWithinReach ? "within a command's reach" : "out of a command's reach",
      };
      await annotate(Object.entries(declared).map(([name, value]) => `${name}: ${value === null ? "none" : value}`).join("; "));
      expect(subject.name).not.toBe("");
    });

    it("the registry takes it: nothing can be forgotten for ever", () => {
      const registry = driverRegistry([driver]);
      expect(registry.backends).toHaveLength(1);
      expect(driver.inventory !== null || facts.maxTtlMs !== null).toBe(true);
    });

    it("facts are of the words there are", () => {
      expect(driverKinds).toContain(driver.kind);
      expect(driver.provider).toMatch(/^[a-z][a-z0-9-]*$/);
      expect(["none", "user", "namespace", "container", "vm"]).toContain(facts.isolation);
      expect(["anywhere", "host"]).toContain(facts.placement);
      expect(["enforced", "clock"]).toContain(facts.fencing);
      expect(facts.callTimeoutMs).toBeGreaterThan(0);
      expect(facts.maxTtlMs ?? 1).toBeGreaterThan(0);
    });

    it("the config takes what works, and means the same after JSON", () => {
      const parsed = parse(driver.config, subject.config, "config");
      expect(parse(driver.config, JSON.parse(JSON.stringify(parsed)), "config")).toEqual(parsed);
    });

    it("the config refuses an unknown key by its name", () => {
      const attempt = () => parse(driver.config, { ...subject.config, unheard_of: 1 }, "config");
      expect(attempt).toThrow(expect.objectContaining({ kind: "invalid", faults: [expect.objectContaining({ field: "config.unheard_of" })] }));
    });

    for (const { why, config, field } of subject.invalid) {
      it(`the config refuses, by the field ${field}: ${why}`, async () => {
        const { error } = driver.config.safeParse(config);
        const fields = error?.issues.flatMap((issue) => (issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...issue.path, key].join(".")) : [issue.path.join(".")]));
        expect(fields).toContain(field);
        await expect(bench.acquire(bench.key(), { config })).rejects.toMatchObject({ kind: "invalid" });
      });
    }

    it("a handle survives JSON and works with a fresh driver", async () => {
      const key = bench.key();
      const { handle } = await bench.acquire(key);
      const kept: unknown = JSON.parse(JSON.stringify(handle));
      expect(kept).toEqual(handle);
      const fresh = await subject.open(subject.installation);
      try {
        const lease = await leaseOf({ ...bench, driver: fresh }, key, kept);
        expect((await lease.ran(lease.sh("exit 3"))).status).toMatchObject({ exit: { kind: "exited", code: 3 } });
        expect(await fresh.inspect(bench.context(), { key, handle: kept })).toBe("up");
        await fresh.release(bench.context(), { key, handle: kept, config: bench.subject.config });
      } finally {
        await fresh.close();
      }
      expect(await driver.inspect(bench.context(), { key, handle })).toBe("gone");
    });

    it("a handle of an unknown version is refused", async () => {
      const key = bench.key();
      const { handle } = await bench.acquire(key);
      for (const unknown of [{ ...(handle as object), v: 999 }, { ...(handle as object), more: true }, {}, "x", null]) {
        const resource = { key, handle: unknown };
        const invalid = { kind: "invalid", code: "handle_version_unknown" };
        await expect(driver.session(bench.context(), resource)).rejects.toMatchObject(invalid);
        await expect(driver.inspect(bench.context(), resource)).rejects.toMatchObject(invalid);
        await expect(driver.extend(bench.context(), resource, new Date())).rejects.toMatchObject(invalid);
      }
    });

    it("what it says of a resource can be written down, and is no secret", async () => {
      const acquired = await bench.acquire(bench.key());
      expect(JSON.parse(JSON.stringify(acquired))).toEqual(acquired);
      expect(acquired.target).toEqual({ transport: driver.kind, cwd: expect.stringMatching(/^\//), shell: expect.stringMatching(/^\//) });
      expect(acquired.providerLeaseId === null || acquired.providerLeaseId !== "").toBe(true);
    });
  });
}
