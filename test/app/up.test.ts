import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Leasehold } from "../../src/client/index.ts";
import { childEnvironment, readConfig } from "../../src/config.ts";
import { eventually } from "../support/eventually.ts";
import { leftovers } from "../support/fleet.ts";

const main = fileURLToPath(new URL("../../dist/bin/leasehold.js", import.meta.url));

let dataDir: string;
let running: Up[];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "leasehold-up-"));
  running = [];
});
afterEach(async () => {
  for (const up of running) await up.end();
  await rm(dataDir, { recursive: true, force: true });
});

interface Up {
  readonly pid: number;
  said(): string;
  signal(signal: NodeJS.Signals): void;
  readonly gone: Promise<number | null>;
  end(): Promise<void>;
}

const environment = (): NodeJS.ProcessEnv => ({
  ...childEnvironment({ ...readConfig({}), dataDir, port: 0 }, { PATH: process.env["PATH"], HOME: process.env["HOME"] }),
  DATABASE_URL: "",
  REDIS_URL: "",
});

function up(settings: NodeJS.ProcessEnv = {}): Up {
  const child: ChildProcess = spawn(process.execPath, [main, "up", "--workers", "1"], { env: { ...environment(), ...settings }, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout?.on("data", (piece: Buffer) => (text += piece.toString()));
  child.stderr?.on("data", (piece: Buffer) => (text += piece.toString()));
  const gone = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const one: Up = {
    pid: child.pid ?? 0,
    said: () => text,
    signal: (signal) => void child.kill(signal),
    gone,
    end: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await gone;
    },
  };
  running.push(one);
  return one;
}

const ready = async (one: Up): Promise<Up> => {
  await eventually(() => expect(one.said()).toContain("Ctrl-C stops the fleet"), { timeoutMs: 90_000 });
  return one;
};

/** Runs the command line, and gives what it printed and its exit code. */
async function leasehold(...args: string[]): Promise<{ out: string; err: string; code: number | null }> {
  const child = spawn(process.execPath, [main, ...args], { env: environment(), stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (piece: Buffer) => (out += piece.toString()));
  child.stderr.on("data", (piece: Buffer) => (err += piece.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { out, err, code };
}

const slow = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 1; done"];
const whole = "1\n2\n3\n4\n5\n6\n7\n8\n";

describe("leasehold up", () => {
  it("runs a command, looks at its environment, and refuses a second up on its directory by pid and URL", async () => {
    const first = await ready(up());
    expect(await leasehold("run", "--", "sh", "-c", "echo out; echo err >&2; exit 7")).toEqual({ out: "out\n", err: "err\n", code: 7 });
    expect(await leasehold("env", "probe", "Local")).toMatchObject({ out: expect.stringContaining("It can be used") as string, err: "", code: 0 });
    expect((await stat(join(dataDir, "token"))).mode & 0o777).toBe(0o600);
    const second = await leasehold("up");
    expect(second.code).not.toBe(0);
    expect(second.err).toContain(`process ${first.pid}`);
    expect(second.err).toMatch(/http:\/\/127\.0\.0\.1:\d+/);
    first.signal("SIGINT");
    expect(await first.gone).toBe(0);
    expect(await leasehold("run", "list")).toMatchObject({ code: 69, err: expect.stringContaining("leasehold up") as string });
  });

  it("says what is wrong when a part cannot start, and stops what it had started; Ctrl-C ends a start under way", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as AddressInfo;
    const blocked = up({ LEASEHOLD_PORT: String(port) });
    expect(await blocked.gone).not.toBe(0);
    expect(blocked.said()).toContain(`127.0.0.1:${port} is in use`);
    expect(blocked.said()).toContain("LEASEHOLD_PORT");
    await new Promise((resolve) => taken.close(resolve));

    const impatient = up();
    await eventually(() => expect(impatient.said()).toContain("starting API"));
    impatient.signal("SIGINT");
    expect(await impatient.gone).toBe(0);
    await eventually(async () => expect(await leftovers(dataDir)).toEqual([]));
    (await ready(up())).signal("SIGINT");
  });

  it("I6, I7: at the first Ctrl-C hands running commands on; the next up follows them to the last byte", async () => {
    const first = await ready(up());
    const run = (await leasehold("run", "--detach", "--", ...slow)).out.trim();
    await eventually(async () => expect((await leasehold("run", "logs", run)).out).toContain("2\n"));
    first.signal("SIGINT");
    await first.gone;
    expect(first.said()).toContain("1 running command goes on");
    expect(await leftovers(dataDir)).not.toEqual([]);
    await ready(up());
    expect(await leasehold("run", "attach", run)).toMatchObject({ out: whole, code: 0 });
    await eventually(async () => expect(await leftovers(dataDir)).toEqual([]));
  });

  it("I9: at the second Ctrl-C ends them, and gives everything back", async () => {
    const first = await ready(up());
    const run = (await leasehold("run", "--detach", "--", "sleep", "600")).out.trim();
    await eventually(async () => expect((await leasehold("run", "show", run, "--json")).out).toContain('"state":"running"'));
    const lease = (await leasehold("lease", "acquire")).out.trim();
    const client = new Leasehold({ url: /http:\/\/127\.0\.0\.1:\d+/.exec(first.said())?.[0] ?? "", token: (await readFile(join(dataDir, "token"), "utf8")).trim() });
    const { id } = await client.leases.execute(lease, { command: ["sleep", "601"] });
    await eventually(async () => expect((await client.executions.get(id)).state).toBe("running"));
    first.signal("SIGINT");
    await eventually(() => expect(first.said()).toContain("2 running commands go on"));
    expect(first.said()).toContain(`lease ${lease}  sleep 601`);
    first.signal("SIGINT");
    await first.gone;
    expect(first.said()).toContain("Ending them.");
    expect(await leftovers(dataDir)).toEqual([]);
    await ready(up());
    expect((await leasehold("run", "show", run, "--json")).out).toContain('"outcome":{"kind":"cancelled"}');
    expect((await leasehold("lease", "show", lease)).out).toMatch(/State +released/);
  });

  it("I6, I7, I13: is killed, and the next one recovers: services, processes, the running command", async () => {
    const first = await ready(up());
    const run = (await leasehold("run", "--detach", "--", ...slow)).out.trim();
    await eventually(async () => expect((await leasehold("run", "logs", run)).out).toContain("1\n"));
    first.signal("SIGKILL");
    await first.gone;
    await ready(up());
    expect(await leasehold("run", "attach", run)).toMatchObject({ out: whole, code: 0 });
  });
});
