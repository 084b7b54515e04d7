import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import type { summary } from "./report.ts";

const run = promisify(execFile);
const main = fileURLToPath(new URL("../../dist/test/chaos/main.js", import.meta.url));

/** What the command prints and how it ends. */
async function chaos(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await run(process.execPath, [main, ...args], { maxBuffer: 64 * 1024 * 1024 })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

const invariants = Array.from({ length: 14 }, (_, i) => `I${i + 1}`);

it(
  "I1, I2, I3, I4, I5, I6, I7, I8, I9, I10, I11, I12, I13, I14: a quarter of a minute of chaos violates nothing",
  async () => {
    const { code, stdout, stderr } = await chaos("--short", "--minutes", "0.25", "--seed", "in the tests", "--json");
    expect(code, stderr).toBeLessThanOrEqual(1);
    const report = JSON.parse(stdout) as ReturnType<typeof summary>;
    expect(report.verdicts.flatMap((verdict) => verdict.violations.map((violation) => `${verdict.invariants.join()}: ${violation}`)), stderr).toEqual([]);
    expect(code).toBe(0);
    expect(report.kept).toBeNull();
    // It did something, and each check saw something.
    expect(report.runs).toBeGreaterThan(5);
    expect(Object.values(report.troubles).reduce((sum, n) => sum + n, 0)).toBeGreaterThan(5);
    expect(report.verdicts.flatMap((verdict) => (verdict.looked > 0 ? verdict.invariants : []))).toEqual(invariants);
  },
  600_000,
);

it("says what it cannot do", async () => {
  expect(await chaos("--only", "kill,love")).toMatchObject({ code: 64, stderr: expect.stringContaining("there is no love; there are kill, stop, term, redis, flush, postgres") });
  expect(await chaos("--minutes", "none")).toMatchObject({ code: 64, stderr: expect.stringContaining("must be a number above 0") });
});
