import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Execution, Lease, LeaseSummary } from "../../src/client/index.ts";
import { findInput } from "../../src/db/executions.ts";
import { eventually } from "../support/eventually.ts";
import { leftovers } from "../support/fleet.ts";
import { type ServedApi, serveApi } from "../support/serve-api.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { leasehold, start } from "./cli.ts";
import { untilThere } from "../support/shell.ts";

let stack: Stack;
let api: ServedApi;
let env: Record<string, string>;
beforeEach(async () => {
  stack = await startStack();
  api = await serveApi(stack);
  env = { LEASEHOLD_URL: api.url, LEASEHOLD_TOKEN: api.token };
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  await stack.close();
});

const leases = async (): Promise<LeaseSummary[]> => {
  const all: LeaseSummary[] = [];
  for await (const lease of api.client.leases.list()) all.push(lease);
  return all;
};
/** The only lease there is, once it is as wanted. */
const only = (state: LeaseSummary["state"]): Promise<LeaseSummary> =>
  eventually(async () => {
    const [lease, ...others] = await leases();
    expect([lease?.state, others]).toEqual([state, []]);
    return lease as LeaseSummary;
  });
const executionOf = async (lease: LeaseSummary): Promise<Execution> => {
  for await (const { id } of api.client.leases.executions(lease.id)) return api.client.executions.get(id);
  throw new Error("nothing was asked for in the lease");
};
const nothingLeft = () => eventually(async () => expect(await leftovers(stack.config.dataDir)).toEqual([]));

describe("leasehold lease exec", () => {
  it("gives every byte of both streams and the command's own code, and gives the lease back", async () => {
    await stack.worker();
    const file = join(tmpdir(), `leasehold-lease-stdin-${process.pid}`);
    await writeFile(file, "typed");
    // The company's local environment is made by the first who needs it.
    expect(await leasehold(["lease", "exec", "--env", "Local", "--", "true"], env)).toMatchObject({ code: 66, stdout: "", stderr: expect.stringContaining("Local") as string });
    expect(await leasehold(["lease", "exec", "--env-var", "A=x=y", "--stdin", file, "--timeout", "1m", "--", "sh", "-c", 'cat; echo "$A" >&2; exit 42'], env)).toEqual({ code: 42, stdout: "typed", stderr: "x=y\n" });
    expect(await leasehold(["lease", "exec", "--env", "Local", "--", "true"], env)).toEqual({ code: 0, stdout: "", stderr: "" });
    await rm(file);
    await eventually(async () => expect((await leases()).map((l) => l.state)).toEqual(["released", "released"]));
    await nothingLeft();
  });

  it.each([
    [["--timeout", "300ms", "--", "sleep", "600"], 124, "timed out"],
    [["--", "no-such-program"], 125, "command_not_found"],
    [["--", "sh", "-c", "kill -SEGV $$"], 139, "SIGSEGV"],
  ])("%j ends with %i", async (args, code, words) => {
    await stack.worker();
    expect(await leasehold(["lease", "exec", ...args], env)).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(words) as string });
    await only("released");
  });

  it("says that nobody comes by himself, and ends as not run when nobody has come in time", async () => {
    const cli = start(["lease", "exec", "--queue-timeout", "1ms", "--", "true"], env);
    await cli.seen("stderr", "no living worker serves backend local");
    await stack.sweep();
    expect(await cli.ended).toMatchObject({ code: 125, stdout: "", stderr: expect.stringContaining("no place became free in time") as string });
  });

  it("gives the lease back at Ctrl-C while it waits for it", async () => {
    const cli = start(["lease", "exec", "--", "true"], env);
    await cli.seen("stderr", "no living worker");
    cli.child.kill("SIGINT");
    expect(await cli.ended).toMatchObject({ code: 130, stdout: "" });
    await only("expired");
  });

  it("cancels at Ctrl-C, says what the command still says, and gives the lease back", async () => {
    await stack.worker();
    const cli = start(["lease", "exec", "--", "sh", "-c", "trap 'echo last words; exit 0' TERM; echo working; sleep 1000 & wait"], env);
    await cli.seen("stdout", "working");
    cli.child.kill("SIGINT");
    expect(await cli.ended).toMatchObject({ code: 130, stdout: "working\nlast words\n", stderr: expect.stringContaining("again to leave it behind") as string });
    await only("released");
    await nothingLeft();
  });

  it("leaves at the second Ctrl-C; the lease expires, and nothing is left", async () => {
    await stack.worker();
    const cli = start(["lease", "exec", "--", "sh", "-c", "trap '' TERM; echo working; exec sleep 1000"], env);
    await cli.seen("stdout", "working");
    const lease = await only("active");
    cli.child.kill("SIGINT");
    await eventually(async () => expect((await executionOf(lease)).killReason).toBe("cancelled"));
    cli.child.kill("SIGINT");
    expect(await cli.ended).toMatchObject({ code: 130, stderr: expect.stringContaining(`leasehold lease release ${lease.id}`) as string });
    expect((await api.client.executions.wait((await executionOf(lease)).id)).outcome).toEqual({ kind: "cancelled" });
    expect((await api.client.leases.get(lease.id)).state).toBe("active");
    // What the reaper finds two minutes later.
    await stack.base.database.db.execute(sql`update environment_leases set expires_at = clock_timestamp()`);
    expect((await stack.sweep()).expired).toBe(1);
    await only("expired");
    await nothingLeft();
  });

  it("leaves the command alone when its terminal is gone", async () => {
    await stack.worker();
    const cli = start(["lease", "exec", "--", "sh", "-c", `echo working; ${untilThere("go")}; exit 3`], env);
    await cli.seen("stdout", "working");
    const lease = await only("active");
    cli.child.kill("SIGHUP");
    expect(await cli.ended).toMatchObject({ code: 129, stderr: expect.stringContaining("goes on to its end") as string });
    const { id } = await executionOf(lease);
    expect(await leasehold(["lease", "exec", "--lease", lease.id, "--", "touch", "go"], env)).toMatchObject({ code: 0 });
    expect((await api.client.executions.wait(id)).outcome).toEqual({ kind: "exited", code: 3 });
  });

  it("ends the command whose output nobody reads any more, as a pipeline would", async () => {
    await stack.worker();
    const cli = start(["lease", "exec", "--", "sh", "-c", "echo one; while :; do sleep 0.05; echo more; done"], env);
    await cli.seen("stdout", "one");
    cli.child.stdout.destroy();
    expect((await cli.ended).code).toBe(141);
    await only("released");
  });

  it("tells a program everything, a line each", async () => {
    await stack.worker();
    const { stdout, code } = await leasehold(["lease", "exec", "--json", "--env-var", "A=hush", "--", "echo", "out"], env);
    expect(code).toBe(0);
    const lines = stdout.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
    expect([...new Set(lines.map((line) => line["type"]))]).toEqual(["lease", "execution", "state", "output", "end"]);
    expect(lines.find((line) => line["type"] === "output")).toMatchObject({ stream: "stdout", start: 0, bytes: Buffer.from("out\n").toString("base64") });
    expect(lines.at(-1)).toMatchObject({ outcome: { kind: "exited", code: 0 }, exitCode: 0, execution: { stdoutBytes: 4 } });
    expect(stdout).not.toContain("hush");
  });
});

describe("leasehold lease acquire, renew, exec --lease", () => {
  it("get a lease, keep it, work in it, and leave it until it is released", async () => {
    await stack.worker();
    const id = (await leasehold(["lease", "acquire"], env)).stdout.trim();
    const before = await api.client.leases.get(id);
    expect(before.state).toBe("active");
    expect((await leasehold(["lease", "renew", id], env)).stdout).toMatch(new RegExp(`^Lease ${id} lives until `));
    const renewed = JSON.parse((await leasehold(["lease", "renew", id, "--json"], env)).stdout) as Lease;
    expect(Date.parse(renewed.expiresAt ?? "")).toBeGreaterThan(Date.parse(before.expiresAt ?? ""));
    const inIt = (...command: string[]) => leasehold(["lease", "exec", "--lease", id, "--", ...command], env);
    expect(await inIt("sh", "-c", "echo made >file; exit 9")).toEqual({ code: 9, stdout: "", stderr: "" });
    expect(await inIt("cat", "file")).toEqual({ code: 0, stdout: "made\n", stderr: "" });
    expect((await api.client.leases.get(id)).state).toBe("active");
    expect((await leasehold(["lease", "release", id], env)).code).toBe(0);
    expect(await inIt("true")).toMatchObject({ code: 65, stderr: expect.stringContaining("only an active lease") as string });
    expect(await leasehold(["lease", "renew", id], env)).toMatchObject({ code: 65 });
    expect(await leasehold(["lease", "renew", "0190a0a0-0000-7000-8000-000000000000"], env)).toMatchObject({ code: 66 });
    expect(await findInput(stack.base.database.db, (await executionOf(before)).id)).toBeUndefined();
  });

  it("acquire --json answers with the lease as it is", async () => {
    await stack.worker();
    expect(JSON.parse((await leasehold(["lease", "acquire", "--json", "--max-life", "10m"], env)).stdout)).toMatchObject({ state: "active", runId: null, waiting: null });
  });
});
