import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { claimDataDir, readOwner } from "../../src/embedded/ownership.ts";
import { identify } from "../../src/embedded/process-identity.ts";
import { startChild } from "./child.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), "leasehold-owner-")), "data");
});
afterEach(() => rm(join(dataDir, ".."), { recursive: true, force: true }));

const claimingChild = (stay: boolean): string => `
  import { claimDataDir } from "./dist/src/embedded/ownership.js";
  try {
    await claimDataDir(${JSON.stringify(dataDir)}, { url: "http://127.0.0.1:1" });
    console.log(JSON.stringify("mine"));
    ${stay ? "setInterval(() => {}, 1000);" : ""}
  } catch (error) {
    console.log(JSON.stringify(error.code ?? String(error)));
  }
`;

describe("claimDataDir", () => {
  it("refuses a second owner and names the first, its pid and URL", async () => {
    const claim = await claimDataDir(dataDir);
    await expect(claimDataDir(dataDir)).rejects.toMatchObject({ kind: "invalid", code: "data_directory_in_use", status: 409 });
    await claim.setUrl("http://127.0.0.1:4711");
    await expect(claimDataDir(dataDir)).rejects.toThrow(new RegExp(`process ${process.pid}.*http://127.0.0.1:4711`));
    expect(await readOwner(dataDir)).toEqual({ ...identify(process.pid), url: "http://127.0.0.1:4711" });
    expect((await stat(join(dataDir, "owner.json"))).mode & 0o777).toBe(0o600);
    await claim.release();
    await claim.release();
    expect(await readOwner(dataDir)).toBeUndefined();
    await (await claimDataDir(dataDir)).release();
    expect(await readdir(dataDir)).toEqual([]);
  });

  it("succeeds an owner that was killed, again and again", async () => {
    for (let round = 0; round < 3; round++) {
      const child = startChild(claimingChild(true));
      expect(await child.next()).toBe("mine");
      expect(await readOwner(dataDir)).toMatchObject({ pid: child.pid, url: "http://127.0.0.1:1" });
      child.kill();
      await child.ended;
      expect(await readOwner(dataDir)).toBeUndefined();
    }
    await claimDataDir(dataDir);
    expect(await readOwner(dataDir)).toMatchObject({ pid: process.pid });
    expect(await readdir(dataDir)).toEqual(["owner.json"]);
  });

  it("succeeds an owner whose pid belongs to another process now", async () => {
    await claimDataDir(dataDir);
    await writeFile(join(dataDir, "owner.json"), JSON.stringify({ pid: process.ppid, started: "another time", token: "aa" }));
    await claimDataDir(dataDir);
    expect(await readOwner(dataDir)).toMatchObject({ pid: process.pid });
  });

  it("lets exactly one of many win at the same instant, on an empty directory and after dead owners", async () => {
    for (let round = 0; round < 10; round++) {
      const claims = await Promise.allSettled(Array.from({ length: 20 }, () => claimDataDir(dataDir)));
      expect(claims.filter((one) => one.status === "fulfilled")).toHaveLength(1);
      for (const one of claims) {
        if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "data_directory_in_use" });
      }
      expect(await readdir(dataDir)).toEqual(["owner.json"]);
      // The next round finds an owner that is dead, with a dead successor that had no time to tidy up.
      await writeFile(join(dataDir, "owner.json"), JSON.stringify({ pid: 999_999_999, started: "x", token: `a${round}` }));
      await writeFile(join(dataDir, `owner.a${round}.json`), JSON.stringify({ pid: 999_999_999, started: "x", token: `b${round}` }));
    }
  });

  it("lets exactly one of many processes win", async () => {
    const children = Array.from({ length: 12 }, () => startChild(claimingChild(true)));
    const answers = await Promise.all(children.map((child) => child.next()));
    for (const child of children) child.kill();
    await Promise.all(children.map((child) => child.ended));
    expect(answers.filter((one) => one === "mine")).toHaveLength(1);
    expect(answers.filter((one) => one === "data_directory_in_use")).toHaveLength(11);
  });
});
