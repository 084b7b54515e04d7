import { execFile, execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as lasts } from "node:timers/promises";
import { promisify } from "node:util";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { timing } from "../../src/domain/defaults.ts";
import { eventually } from "../support/eventually.ts";
import { startTestFleetOn, type TestFleet } from "../support/fleet.ts";
import { Hoard } from "../support/hoard.ts";
import { ownServices, type OwnServices } from "../support/own-services.ts";
import { Living, nothingLeft, printed, provenRun, ticker } from "../support/ticker.ts";

const run = promisify(execFile);
// Only root can mount a small disk.
const root = process.getuid?.() === 0;
let fleet: TestFleet & { readonly services: OwnServices };
let api: { url: string; token: string };
let living: Living;
let disk: string;

beforeAll(async () => {
  fleet = await startTestFleetOn(async (dataDir) => {
    disk = join(dataDir, "postgres");
    mkdirSync(disk, { recursive: true, mode: 0o700 });
    if (root) execFileSync("mount", ["-t", "tmpfs", "-o", "size=400m,mode=0700", "tmpfs", disk]);
    const unmount = (): void => {
      if (root) execFileSync("umount", ["--lazy", disk]);
    };
    try {
      const services = await ownServices()(dataDir);
      return { ...services, stop: () => services.stop().finally(unmount) };
    } catch (error) {
      unmount();
      throw error;
    }
  });
  await Promise.all([fleet.reaper(), fleet.worker()]);
  api = await fleet.api();
  living = await Living.start(fleet);
});
afterAll(() => fleet.close());

/** On a connection that may write whatever the server's default is. */
async function withAdmin<T>(services: { databaseUrl: string }, work: (admin: postgres.Sql) => Promise<T>): Promise<T> {
  const admin = postgres(services.databaseUrl, { max: 1, onnotice: () => {}, connection: { default_transaction_read_only: false } });
  try {
    return await work(admin);
  } finally {
    await admin.end({ timeout: 1 });
  }
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
}

async function ask(path: string): Promise<Answer> {
  const answer = await fetch(`${api.url}${path}`, { headers: { authorization: `Bearer ${api.token}` } });
  return { status: answer.status, retryAfter: answer.headers.get("retry-after"), text: await answer.text() };
}

const unavailable = { status: 503, retryAfter: expect.stringMatching(/^\d+$/) as string, text: expect.stringContaining('"database_unavailable"') as string };
const ready = async () => expect((await ask("/readyz")).status).toBe(200);

/** The command's output becomes durable again: somebody follows it, and it still is the one that was started first. */
async function followed(): Promise<void> {
  const { execution } = await eventually(() => fleet.situation(living.runId), { timeoutMs: 30_000 });
  await fleet.until(living.runId, printed((execution?.stdoutBytes ?? 0) + 1));
  const command = await fleet.situation(living.runId);
  expect(command.execution).toMatchObject({ state: "running", startedAt: execution?.startedAt });
}

describe("I13: a command goes on, and waiting runs are done afterwards, when Postgres", () => {
  it("has no connection left", async () => {
    const waiting = await fleet.submit({ command: ticker(60) });
    const hoard = new Hoard(fleet.services.databaseUrl);
    try {
      await hoard.takeAll();
      await eventually(async () => {
        await hoard.evict();
        await hoard.takeAll();
        expect(await ask("/v1/runs")).toMatchObject(unavailable);
        expect(await ask("/readyz")).toMatchObject({ status: 503, text: expect.stringMatching(/"database".*too many clients/) as string });
      });
      await lasts(timing.claim);
    } finally {
      await hoard.letGo();
    }
    await followed();
    await provenRun(fleet, waiting.id);
    await eventually(ready);
  });

  it("takes no writes", async () => {
    const waiting = await fleet.submit({ command: ticker(60) });
    const turn = (to: string) =>
      withAdmin(fleet.services, async (admin) => {
        await admin.unsafe(`alter system set default_transaction_read_only = ${to}`);
        await admin`select pg_reload_conf()`;
      });
    await turn("on");
    await eventually(async () => expect(await ask("/readyz")).toMatchObject({ status: 503, text: expect.stringMatching(/"database".*read-only/) as string }));
    const answer = await fetch(`${api.url}/v1/runs`, { method: "POST", headers: { authorization: `Bearer ${api.token}`, "content-type": "application/json" }, body: JSON.stringify({ command: ["true"] }) });
    expect({ status: answer.status, body: await answer.json() }).toMatchObject({ status: 503, body: { code: "database_unavailable" } });
    expect((await ask("/v1/runs")).status).toBe(200);
    await lasts(timing.claim);
    await turn("off");
    await followed();
    await provenRun(fleet, waiting.id);
  });

  it.runIf(root)("has its disk full, and loses no output for it", async () => {
    const waiting = await fleet.submit({ command: ["sh", "-c", "head -c 3000000 /dev/urandom >data; sha256sum data >&2; cat data"] });
    const { bavail, bsize } = await statfs(disk);
    const ballast = join(disk, "ballast");
    await writeFile(ballast, Buffer.alloc(bavail * bsize)).catch((error: unknown) => expect(error).toMatchObject({ code: "ENOSPC" }));
    const full = (await statfs(disk)).bavail;
    expect(full).toBe(0);
    await eventually(async () =>
      expect(await withAdmin(fleet.services, (admin) => admin`create table filler as select repeat(md5(i::text), 100) from generate_series(1, 100000) i`.catch((error: { code: string }) => error.code))).toBe("53100"),
    );
    const loud = await fleet.submit({ command: ticker(3) }).catch((error: unknown) => error);
    await lasts(timing.claim);
    await rm(ballast);
    await followed();
    await provenRun(fleet, waiting.id);
    if (!(loud instanceof Error)) await provenRun(fleet, (loud as { id: string }).id);
  });

  it("hangs: the API and the command line say so within seconds", async () => {
    const waiting = await fleet.submit({ command: ticker(60) });
    fleet.services.postgres.signal("SIGSTOP");
    const cli = run(process.execPath, ["dist/bin/leasehold.js", "run", "list"], { env: { PATH: process.env["PATH"], HOME: fleet.config.dataDir, LEASEHOLD_URL: api.url, LEASEHOLD_TOKEN: api.token } }).catch((error: unknown) => error);
    let over = false;
    const hung = lasts(45_000).then(() => (over = true));
    // More than there are connections.
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(`/v1/runs/${living.runId}`)));
    for (const answer of answers) expect(answer).toMatchObject(unavailable);
    expect(await cli).toMatchObject({ code: 75, stderr: expect.stringMatching(/the database (does not answer|cannot be reached)/) as string });
    expect(over).toBe(false);
    await hung;
    expect(await ask("/readyz")).toMatchObject({ status: 503, text: expect.stringMatching(/"database"/) as string });
    fleet.services.postgres.signal("SIGCONT");
    await followed();
    await provenRun(fleet, waiting.id);
  });

  it("and Redis are down together for longer than claims live, and come back in either order", async () => {
    const { postgres: database, redis } = fleet.services;
    for (const order of [[database, redis], [redis, database]]) {
      const waiting = await fleet.submit({ command: ticker(60) });
      for (const one of order) one.signal("SIGKILL");
      await lasts(timing.claim + 2000);
      for (const one of order) await one.start();
      await followed();
      await provenRun(fleet, waiting.id);
    }
  });

  it("and all of that have passed, every byte is there and nothing is left", async () => {
    await living.end();
    await provenRun(fleet, living.runId);
    await nothingLeft(fleet);
  });
});
