import { describe, expect, it } from "vitest";
import type { ProbeResult } from "../../../src/drivers/driver.ts";
import type { Bench } from "../bench.ts";

/** Every complaint comes with what to do about it. */
function expectRemedies(result: ProbeResult): void {
  expect(result.summary).not.toBe("");
  expect(result.ok).toBe(result.diagnostics.every((d) => d.ok));
  for (const { ok, check, message, remedy } of result.diagnostics) {
    expect([check, message]).not.toContain("");
    if (!ok) expect(remedy, check).toMatch(/\S/);
  }
}

export function probe(bench: Bench): void {
  const { driver, subject } = bench;

  describe("probe", () => {
    it("says that the place works, again and again, and changes nothing", async () => {
      const key = bench.key();
      await bench.acquire(key);
      const before = [await bench.listed(), await subject.remains()];
      for (let i = 0; i < 2; i++) {
        const result = await driver.probe(bench.context(), subject.config);
        expect(result).toMatchObject({ ok: true });
        expectRemedies(result);
      }
      expect([await bench.listed(), await subject.remains()]).toEqual(before);
      await bench.release(key);
    });

    it("of a place that cannot be reached says what to do, and does not throw", async () => {
      const nowhere = await subject.unreachable();
      const result = await nowhere.probe(bench.context(), subject.config);
      expect(result.ok).toBe(false);
      expectRemedies(result);
      await nowhere.close();
    });

    for (const { why, config } of subject.refused) {
      it(`of a config that this place does not grant says what to do, and acquire refuses it: ${why}`, async () => {
        const result = await driver.probe(bench.context(), config);
        expect(result.ok).toBe(false);
        expectRemedies(result);
        const before = await subject.remains();
        await expect(bench.acquire(bench.key(), { config })).rejects.toMatchObject({ kind: "refused" });
        expect(await subject.remains()).toEqual(before);
      });
    }
  });
}
