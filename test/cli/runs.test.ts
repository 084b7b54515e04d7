import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listRuns } from "../../src/db/run-list.ts";
import { findRequest, type Run } from "../../src/db/runs.ts";
import { eventually } from "../support/eventually.ts";
import { type ApiServer, startApi } from "../http/api-server.ts";
import { accepted, execute, type Executing, executing, lease as leaseOf } from "../http/run-states.ts";
import { leasehold, start } from "./cli.ts";

let server: ApiServer;
let env: Record<string, string>;
beforeAll(async () => {
  server = await startApi();
  env = { LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: server.acme.producer };
});
afterAll(() => server[Symbol.asyncDispose]());

/** The run that a command line has just asked for. */
const asked = (command: string): Promise<Run> =>
  eventually(async () => {
    const found = (await listRuns(server.db, server.acme.id, { limit: 200, open: true })).find(({ run }) => run.request.command[0] === command);
    if (found === undefined) throw new Error(`nobody asked for ${command}`);
    return found.run;
  });

/** Does what workers would do with that run, up to its command running. */
const begin = async (command: string): Promise<Executing> => execute(server, await leaseOf(server, await asked(command)));

describe("leasehold run", () => {
  it("gives every byte of both streams, and the command's own code", async () => {
    const bytes = randomBytes(200_000);
    const cli = start(["run", "--", "first", "list", "--json"], env);
    // Nobody works in this test, and the command line says so at once.
    await cli.seen("stderr", "no living worker");
    const run = await begin("first");
    expect((await asked("first")).request.command).toEqual(["first", "list", "--json"]);
    await run.print("stdout", bytes);
    await run.print("stderr", Buffer.from([0, 254, 10]));
    await run.end({ kind: "exited", code: 42 });
    const { code, stdout, stderr } = await cli.ended;
    expect(Buffer.from(stdout, "latin1").equals(bytes)).toBe(true);
    expect(Buffer.from(stderr, "latin1").includes(Buffer.from([0, 254, 10]))).toBe(true);
    expect(code).toBe(42);
  });

  it("asks for what its options say", async () => {
    const file = join(tmpdir(), `leasehold-stdin-${process.pid}`);
    await writeFile(file, "typed");
    const { code, stdout } = await leasehold(
      ["run", "--detach", "--cwd", "sub", "--env-var", "A=1", "--env-var", "B=x=y", "--stdin", file, "--timeout", "90s", "--queue-timeout", "1h30m", "--workspace", ".", "--key", "k1", "--", "second"],
      env,
    );
    await rm(file);
    expect(code).toBe(0);
    const run = await asked("second");
    expect(stdout).toBe(`${run.id}\n`);
    expect(run.idempotencyKey).toBe("k1");
    expect(await findRequest(server.db, run.id)).toMatchObject({
      cwd: "sub", env: { A: "1", B: "x=y" }, stdin: Buffer.from("typed").toString("base64"), timeoutMs: 90_000, queueTimeoutMs: 5_400_000,
      workspace: { kind: "host_path", path: process.cwd() },
    });
  });

  it("cancels at Ctrl-C and waits until the environment is given back", async () => {
    const cli = start(["run", "--", "third"], env);
    const run = await begin("third");
    await run.print("stdout", "working");
    await cli.seen("stdout", "working");
    cli.child.kill("SIGINT");
    await eventually(async () => expect((await asked("third")).cancelRequestedAt).not.toBeNull());
    await run.print("stdout", " last words");
    await run.end({ kind: "cancelled" });
    const { code, stdout, stderr } = await cli.ended;
    expect([code, stdout]).toEqual([130, "working last words"]);
    expect(stderr).toContain("again to leave it behind");
  });

  it("leaves a cancelled run behind at the second Ctrl-C", async () => {
    const cli = start(["run", "--", "fourth"], env);
    const run = await begin("fourth");
    await run.print("stdout", "working");
    await cli.seen("stdout", "working");
    cli.child.kill("SIGINT");
    await eventually(async () => expect((await asked("fourth")).cancelRequestedAt).not.toBeNull());
    cli.child.kill("SIGINT");
    const { code, stderr } = await cli.ended;
    expect(code).toBe(130);
    expect(stderr).toContain(`leasehold run show ${run.runId}`);
  });

  it("says how to join a run again when its terminal is gone, and does not cancel it", async () => {
    const cli = start(["run", "--", "fifth"], env);
    const run = await begin("fifth");
    await run.print("stdout", "working");
    await cli.seen("stdout", "working");
    cli.child.kill("SIGHUP");
    const { code, stderr } = await cli.ended;
    expect(code).toBe(129);
    expect(stderr).toContain(`leasehold run attach ${run.runId}`);
    expect((await asked("fifth")).cancelRequestedAt).toBeNull();
    const attached = start(["run", "attach", run.runId], env);
    await attached.seen("stdout", "working");
    await run.print("stdout", " on");
    await run.end({ kind: "exited", code: 5 });
    expect(await attached.ended).toMatchObject({ code: 5, stdout: "working on" });
  });

  it("ends the run whose output nobody reads any more, as a pipeline would", async () => {
    const cli = start(["run", "--", "sixth"], env);
    const run = await begin("sixth");
    await run.print("stdout", "one");
    await cli.seen("stdout", "one");
    cli.child.stdout.destroy();
    await run.print("stdout", "two");
    expect((await cli.ended).code).toBe(141);
    expect((await asked("sixth")).cancelRequestedAt).not.toBeNull();
  });

  it("says what became of a command that did not exit", async () => {
    const run = await executing(server, server.acme.id);
    await run.end({ kind: "timed_out" });
    expect(await leasehold(["run", "attach", run.runId], env)).toMatchObject({ code: 124, stderr: expect.stringContaining("timed out") });
  });

  it("tells a program everything, a line each", async () => {
    const run = await executing(server, server.acme.id);
    await run.print("stdout", "out");
    await run.end({ kind: "exited", code: 0 });
    const { stdout } = await leasehold(["run", "attach", "--json", run.runId], env);
    const lines = stdout.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map((line) => line["type"])).toEqual(["run", "output", "end"]);
    expect(lines[1]).toMatchObject({ stream: "stdout", start: 0, bytes: Buffer.from("out").toString("base64") });
    expect(lines[2]).toMatchObject({ outcome: { kind: "exited", code: 0 }, exitCode: 0 });
  });
});

describe("leasehold run list, show, logs, cancel", () => {
  it("shows what there is, to people and to programs", async () => {
    const run = await executing(server, server.acme.id, { command: ["sh", "-c", "echo 'hi\u001b[31m'"] });
    await run.print("stdout", "ab");
    await run.print("stderr", "cd");
    const list = await leasehold(["run", "list"], env);
    expect(list.stdout).toMatch(new RegExp(`${run.runId} +executing`));
    // What a run is called must not change the terminal of who looks.
    expect(list.stdout).not.toContain("\u001b");
    expect(JSON.parse((await leasehold(["run", "list", "--json", "--limit", "1"], env)).stdout)).toHaveLength(1);
    await run.end({ kind: "exited", code: 0 });
    const shown = (await leasehold(["run", "show", run.runId], env)).stdout;
    for (const word of ["succeeded: exited 0", "run.accepted", "execution.first_output", "lease.claim"]) expect(shown).toContain(word);
    expect(await leasehold(["run", "logs", run.runId], env)).toEqual({ code: 0, stdout: "ab", stderr: "cd" });
    expect(await leasehold(["run", "logs", run.runId, "-f"], env)).toEqual({ code: 0, stdout: "ab", stderr: "cd" });
    expect(await leasehold(["run", "logs", run.runId, "--stream", "stderr", "--offset", "1"], env)).toEqual({ code: 0, stdout: "d", stderr: "" });
  });

  it("cancels", async () => {
    const run = await accepted(server, server.acme.id, { command: ["seventh"] });
    expect((await leasehold(["run", "cancel", run.id], env)).code).toBe(0);
    expect((await asked("seventh")).cancelRequestedAt).not.toBeNull();
  });

  it.each([
    [["run", "show", "0190a0a0-0000-7000-8000-000000000000"], 66],
    [["env", "show", "nothing"], 66],
    [["run", "--env", "nothing", "--", "x"], 66],
    [["lease", "list", "--state", "happy"], 65],
  ])("%j ends with %i", async (args, expected) => {
    const { code, stdout, stderr } = await leasehold(args, env);
    expect([code, stdout]).toEqual([expected, ""]);
    expect(stderr).toMatch(/^leasehold: .+/);
  });

  it("says that a token is not known", async () => {
    expect(await leasehold(["run", "list"], { ...env, LEASEHOLD_TOKEN: "nobody" })).toMatchObject({ code: 77, stderr: expect.stringContaining("token") });
  });
});

describe("leasehold env and lease", () => {
  it("makes, lists and shows", async () => {
    const theirs = { ...env, LEASEHOLD_TOKEN: server.other.producer };
    const made = await leasehold(["env", "create", "Box", "--max-leases", "2", "--env-var", "A=hush", "--description", "mine", "--json"], theirs);
    expect(JSON.parse(made.stdout)).toMatchObject({ name: "Box", backend: "local", maxLeases: 2, envNames: ["A"] });
    expect((await leasehold(["env", "list"], theirs)).stdout).toMatch(/Box +local +active +2/);
    const shown = (await leasehold(["env", "show", "Box"], theirs)).stdout;
    expect(shown).toContain("Variables");
    expect(shown).not.toContain("hush");
    const again = await leasehold(["env", "create", "Box"], theirs);
    expect(again.code).toBe(65);
  });

  it("gives a lease back", async () => {
    const { lease } = await executing(server, server.acme.id);
    expect((await leasehold(["lease", "list", "--state", "active"], env)).stdout).toContain(lease.id);
    expect((await leasehold(["lease", "release", lease.id], env)).stdout).toBe(`Lease ${lease.id} is releasing.\n`);
    expect((await leasehold(["lease", "show", lease.id], env)).stdout).toMatch(/release +active -> releasing/);
  });
});
