import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { as, homeOf, ordinaryUsers, type Readable, readableByAll } from "../support/ordinary-user.ts";

let readable: Readable;
beforeAll(async () => {
  readable = await readableByAll();
});
afterAll(() => readable.remove());

const [user = 0] = ordinaryUsers;

interface Report {
  readonly numTotalTests: number;
  readonly numPassedTests: number;
  readonly testResults: readonly { readonly message: string; readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly failureMessages: readonly string[] }[] }[];
}

/**
 * The suite in a process of an ordinary user, who can make neither users nor control groups. What a death leaves does not
 * depend on who has died, and the fake driver on nothing that root has: those are left to `npm run contract`.
 */
describe("as an ordinary user", () => {
  it.each(["local", "bubblewrap"])("%s keeps the contract", async (subject) => {
    const home = await homeOf(user, readable);
    const report = join(home, `${subject}.json`);
    const words = [...as(user), readable.node, "test/contract/main.mjs", subject];
    const env = { PATH: process.env["PATH"], HOME: home, TMPDIR: home, CONTRACT_REPORT: report, CONTRACT_WITHOUT_DEATHS: "1" };
    const said = await new Promise<string>((resolve) => void execFile("env", words, { cwd: readable.repository, env, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout, stderr) => resolve(`${stdout}\n${stderr}`)));
    const { numTotalTests, numPassedTests, testResults } = JSON.parse(await readFile(report, "utf8").catch(() => expect.fail(said))) as Report;
    const failed = testResults.flatMap((file_) => file_.assertionResults.filter(({ status }) => status !== "passed").map(({ fullName, status, failureMessages }) => [status, fullName, ...failureMessages].join("\n")));
    expect([...testResults.map(({ message }) => message).filter(Boolean), ...failed]).toEqual([]);
    expect(numPassedTests).toBe(numTotalTests);
    expect(numTotalTests).toBeGreaterThan(80);
  }, 900_000);
});
