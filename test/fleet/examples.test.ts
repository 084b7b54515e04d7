import { type ChildProcess, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type ServedApi, serveApi } from "../support/serve-api.ts";
import { startStack, type Stack } from "../support/stack.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

let stack: Stack;
let api: ServedApi;
let started: Program[];
beforeEach(async () => {
  started = [];
  stack = await startStack();
  api = await serveApi(stack);
  await stack.worker();
});
afterEach(async () => {
  for (const program of started) program.kill();
  await api[Symbol.asyncDispose]();
  await stack.close();
});

interface Program {
  said(): string;
  readonly ended: Promise<number | null>;
  kill(): void;
}

/** Runs an example as its first lines say. */
function example(path: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Program {
  const settings = { PATH: process.env["PATH"], LEASEHOLD_URL: api.url, LEASEHOLD_TOKEN: api.token, ...env };
  const child: ChildProcess = spawn(process.execPath, [join(root, path), ...args], { env: settings, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout?.on("data", (piece: Buffer) => (said += piece.toString()));
  child.stderr?.on("data", (piece: Buffer) => (said += piece.toString()));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const program = { said: () => said, ended, kill: () => void child.kill("SIGKILL") };
  started.push(program);
  return program;
}

const allRuns = async () => {
  const runs = [];
  for await (const run of api.client.runs.list()) runs.push(run);
  return runs;
};

it("heartbeat: a beat is one run, is started once and is reported, however often the service is killed and started again", async () => {
  const starts = join(stack.config.dataDir, "starts");
  const agents = join(stack.config.dataDir, "agents.json");
  const script = `echo "$LEASEHOLD_RUN" >>${starts}; echo begun; sleep 1; echo over`;
  await writeFile(agents, JSON.stringify(["one", "two"].map((id) => ({ id, everyMs: 1500, command: ["sh", "-c", script] }))));
  const services: Program[] = [];
  for (let round = 0; round < 4; round++) {
    const service = example("examples/heartbeat.js", [agents]);
    services.push(service);
    // In the middle of a beat, and in the last round when there was a whole one.
    await eventually(() => expect(service.said()).toMatch(round < 3 ? /begun/ : /one: [0-9a-f-]{36} succeeded[^]*two: [0-9a-f-]{36} succeeded|two: [0-9a-f-]{36} succeeded[^]*one: [0-9a-f-]{36} succeeded/), { timeoutMs: 40_000 });
    service.kill();
    await service.ended;
  }
  const runs = await allRuns();
  await Promise.all(runs.map((run) => stack.ended(run.id)));
  const begun = (await readFile(starts, "utf8")).trim().split("\n");
  expect(begun.toSorted()).toEqual(runs.map((run) => run.id).toSorted());
  // Each is told of, by whoever was there at its end: only what the last one began, it need not have told.
  const told = services.map((service) => service.said()).join("");
  for (const id of ["one", "two"]) {
    const [, ...earlier] = runs.filter((run) => run.producer["agentId"] === id);
    for (const run of earlier) expect(told).toContain(`${id}: ${run.id} succeeded`);
  }
});

it("bullmq-producer: its submission becomes a run, once however often it is made", async () => {
  const env = { REDIS_URL: stack.config.redisUrl, LEASEHOLD_QUEUE_PREFIX: stack.config.queuePrefix, COMPANY: stack.companyId };
  for (let i = 0; i < 2; i++) {
    const producer = example("examples/bullmq-producer.js", ["nightly-42", "echo", "from the queue"], env);
    expect([await producer.ended, producer.said()]).toEqual([0, expect.stringMatching(/^job \d+ is on the queue/)]);
  }
  const [run] = await eventually(async () => {
    const runs = await allRuns();
    expect(runs).toHaveLength(1);
    return runs;
  });
  expect((await stack.ended(run?.id ?? "")).run).toMatchObject({ idempotencyKey: "nightly-42", outcome: { kind: "exited", code: 0 } });
  expect(await api.client.runs.handle(run?.id ?? "").collect()).toMatchObject({ stdout: "from the queue\n" });
});

it("ad-hoc-lease: several commands in one lease, which is given back", async () => {
  const program = example("dist/examples/ad-hoc-lease.js");
  expect(await program.ended, program.said()).toBe(0);
  const said = program.said();
  expect(said).toContain("sum 500500, lines 1000 numbers\n");
  expect(said).toMatch(/checking\n271\n/);
  expect(said).toContain("checked\n");
  expect(said).toContain("ended with { code: 3, kind: 'exited' }\n");
  const rows = [...(await stack.base.database.db.execute(sql`select (select count(*)::int from environment_leases) as leases, (select count(*)::int from executions) as executions`))];
  expect(rows).toEqual([{ leases: 1, executions: 4 }]);
  await eventually(async () => {
    for await (const { state } of api.client.leases.list()) expect(state).toBe("released");
  });
});

it("cancel: the command is told, and what becomes of the run is what it did", async () => {
  const program = example("examples/cancel.js");
  expect(await program.ended, program.said()).toBe(0);
  expect(program.said()).toBe("working\ntold to stop\ncancelled { kind: 'cancelled' }\n");
});
