import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Ended, leasehold, start, type Running } from "../cli/cli.ts";
import { eventually } from "../support/eventually.ts";
import { alive, endProcessesUnder, processesUnder } from "../support/processes.ts";

let dataDir: string;
let ups: Running[];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "leasehold-down-"));
  ups = [];
});
afterEach(async () => {
  for (const { child, ended } of ups) {
    child.kill("SIGTERM");
    await ended;
  }
  await endProcessesUnder(dataDir, ["."]);
  await rm(dataDir, { recursive: true, force: true });
});

const env = (): Record<string, string> => ({ LEASEHOLD_DATA_DIR: dataDir, LEASEHOLD_PORT: "0", HOME: process.env["HOME"] ?? "" });
const cli = (...args: string[]): Promise<Ended> => leasehold(args, env());

async function up(): Promise<Running> {
  const running = start(["up", "--workers", "1", "--json"], env());
  ups.push(running);
  await running.seen("stdout", '"type":"ready"');
  return running;
}

/** A command that tells its pid and stays. */
async function command(): Promise<number> {
  const { stdout } = await cli("run", "--env", "Local", "--detach", "--json", "--", "sh", "-c", "echo $$; exec sleep 1000");
  const { id } = JSON.parse(stdout) as { id: string };
  return eventually(async () => {
    const pid = Number((await cli("run", "logs", id)).stdout);
    expect(pid).toBeGreaterThan(1);
    return pid;
  });
}

describe("leasehold down", () => {
  it("I6: stops the fleet and its servers; commands go on, for the next up or for a purge, which leaves nothing", { timeout: 180_000 }, async () => {
    const running = await up();
    const pid = await command();
    const stopped = await cli("down", "--json");
    expect(JSON.parse(stopped.stdout)).toEqual({ dataDir, wasUp: true, deleted: [], kept: [] });
    expect((await running.ended).code).toBe(0);
    expect(alive(pid)).toBe(true);
    expect(processesUnder(join(dataDir, "postgres"))).toEqual([]);
    expect((await cli("down")).stdout).toContain("No fleet runs on this machine");

    // Of a fleet that is not up: its commands are ended all the same.
    await writeFile(join(dataDir, "notes.txt"), "mine");
    const purged = await cli("down", "--purge", "--yes", "--json");
    expect(purged.code, purged.stderr).toBe(0);
    expect(JSON.parse(purged.stdout)).toMatchObject({ wasUp: false, deleted: expect.arrayContaining(["leases", "postgres", "redis", "token"]) as string[], kept: ["notes.txt"] });
    expect(purged.stderr).toContain("notes.txt");
    expect(alive(pid)).toBe(false);
    expect(await readdir(dataDir)).toEqual(["notes.txt"]);
    expect(processesUnder(dataDir)).toEqual([]);
  });

  it("I9: purges a fleet that is up, with what it runs", { timeout: 180_000 }, async () => {
    const running = await up();
    const pid = await command();
    const refused = await cli("down", "--purge");
    expect(refused).toMatchObject({ code: 64, stdout: "", stderr: expect.stringContaining("--yes") as string });
    expect(alive(pid)).toBe(true);
    const purged = await cli("down", "--purge", "--yes");
    expect(purged.stdout).toBe(`Deleted what was in ${dataDir}.\n`);
    expect((await running.ended).code).toBe(0);
    expect(alive(pid)).toBe(false);
    await expect(stat(dataDir)).rejects.toMatchObject({ code: "ENOENT" });
    // Its owner can make it again.
    expect((await cli("down", "--purge", "--yes")).stdout).toBe(`There was no data in ${dataDir}.\n`);
  });

  it("purges nothing of which a part is elsewhere", async () => {
    const refused = await leasehold(["down", "--purge", "--yes"], { ...env(), DATABASE_URL: "postgres://a@127.0.0.1/b" });
    expect(refused).toMatchObject({ code: 78, stdout: "", stderr: expect.stringContaining("DATABASE_URL") as string });
  });
});
