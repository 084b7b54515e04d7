import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { type Base, openBase } from "../../src/app/base.ts";
import { childEnvironment, type Config, readConfig } from "../../src/config.ts";
import { createToken, ensureCompany } from "../../src/db/companies.ts";
import { endCalm } from "./calm.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";
import { findSituation, type Run, type RunSituation } from "../../src/db/runs.ts";
import type { RunRequestInput } from "../../src/domain/request.ts";
import { openServices, type Services } from "../../src/embedded/services.ts";
import { copyTemplate } from "../../src/embedded/test-services.ts";
import { packageDirectory } from "../../src/package-directory.ts";
import { submitRun } from "../../src/runs/accept.ts";
import { freshPrefix } from "./database.ts";
import { eventually } from "./eventually.ts";
import { endProcessesUnder } from "./processes.ts";

const entry = join(packageDirectory(), "dist/test/bin/process-entry.js");

export interface FleetProcess {
  readonly pid: number;
  signal(signal: NodeJS.Signals): void;
  readonly gone: Promise<void>;
}

export interface ApiProcess extends FleetProcess {
  readonly url: string;
  /** Of the fleet's company. */
  readonly token: string;
}

/** What a process has to itself. */
export interface Own {
  /** Makes it one of another host. */
  readonly dataDir?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Services, workers, reapers and APIs in processes of their own, to be killed and stopped at will. */
export interface TestFleet {
  readonly config: Config;
  readonly base: Base;
  readonly services: Services;
  readonly companyId: string;
  worker(backends?: string, own?: Own): Promise<FleetProcess>;
  reaper(env?: NodeJS.ProcessEnv): Promise<FleetProcess>;
  /** On a free port. */
  api(): Promise<ApiProcess>;
  submit(request: RunRequestInput): Promise<Run>;
  situation(runId: string): Promise<RunSituation>;
  /** Waits until the run is as `wanted`, whatever is down meanwhile. */
  until(runId: string, wanted: (now: RunSituation) => boolean, timeoutMs?: number): Promise<RunSituation>;
  ended(runId: string, timeoutMs?: number): Promise<RunSituation>;
  /** The process that works on the run's execution now. */
  executor(runId: string): Promise<FleetProcess>;
  /** The process that a claim's owner names. */
  ownerOf(claimOwner: string | null | undefined): FleetProcess;
  /** Processes of this fleet's leases and leases' directories that are still there. */
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
}

/** Services that are started again whenever they die. */
async function kept(dataDir: string): Promise<Services> {
  await copyTemplate(join(dataDir, "postgres"));
  return openServices({ dataDir, log: pino({ level: "silent" }), durability: "fast" });
}

/** A fleet whose services are kept running, unless the test opens its own. */
export const startTestFleet = (overrides: Partial<Config> = {}): Promise<TestFleet> => startTestFleetOn(kept, overrides);

export async function startTestFleetOn<S extends Services>(open: (dataDir: string) => Promise<S>, overrides: Partial<Config> = {}): Promise<TestFleet & { readonly services: S }> {
  const dataDir = await mkdtemp(join(tmpdir(), "leasehold-fleet-"));
  // As `up` makes it: a sandbox of another user has to find its way.
  await chmod(dataDir, 0o711);
  const services = await open(dataDir);
  await migrateDatabase(services.databaseUrl);
  const config: Config = {
    ...readConfig({ PATH: process.env["PATH"] }),
    databaseUrl: services.databaseUrl,
    redisUrl: services.redisUrl,
    dataDir,
    fakeProvider: join(dataDir, "provider"),
    queuePrefix: freshPrefix(),
    logLevel: process.env["TEST_LOG"] ?? "silent",
    port: 0,
    ...overrides,
  };
  const base = openBase(config, "test");
  const company = await ensureCompany(base.database.db, "test");
  await endCalm(base.database.db);
  const children = new Map<number, { child: ChildProcess; process: FleetProcess }>();

  const start = async (args: string[], { dataDir: ownDir = dataDir, env = {} }: Own = {}): Promise<FleetProcess & { readonly url: string }> => {
    const child = fork(entry, args, { env: childEnvironment({ ...config, dataDir: ownDir }, { PATH: process.env["PATH"], ...env }), stdio: ["ignore", "inherit", "inherit", "ipc"], detached: true });
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const { url = "" } = await new Promise<{ url?: string }>((resolve, reject) => {
      child.once("message", (said) => resolve(said as { url?: string }));
      child.once("exit", (code) => reject(new Error(`${args.join(" ")} ended with ${code} before it was ready`)));
    });
    const pid = child.pid ?? 0;
    const one = { pid, url, signal: (signal: NodeJS.Signals) => void process.kill(pid, signal), gone };
    children.set(pid, { child, process: one });
    return one;
  };
  const situation = async (runId: string): Promise<RunSituation> => {
    const found = await findSituation(base.database.db, runId);
    if (found === undefined) throw new Error(`no run ${runId}`);
    return found;
  };
  const until: TestFleet["until"] = (runId, wanted, timeoutMs = 90_000) =>
    eventually(
      async () => {
        const now = await situation(runId);
        if (!wanted(now)) {
          throw new Error(`run ${now.run.phase} ${JSON.stringify(now.run.outcome)}, lease ${now.lease?.state}, execution ${now.execution?.state} by ${now.execution?.claimOwner}, ${now.execution?.stdoutBytes} bytes`);
        }
        return now;
      },
      { timeoutMs },
    );
  const ownerOf: TestFleet["ownerOf"] = (claimOwner) => {
    const pid = Number(claimOwner?.split(" ")[2]);
    const known = children.get(pid);
    if (known === undefined) throw new Error(`no child ${pid}`);
    return known.process;
  };

  return {
    config,
    base,
    services,
    companyId: company.id,
    worker: (backends = "local", own) => start(["worker", backends], own),
    reaper: (env = {}) => start(["reaper"], { env }),
    api: async () => ({ ...(await start(["api"])), token: await createToken(base.database.db, company.id, "test", "producer") }),
    submit: async (request) => (await submitRun({ db: base.database.db, bells: base.bells }, company.id, randomUUID(), request)).run,
    situation,
    until,
    ended: (runId, timeoutMs) => until(runId, (now) => now.run.phase === "ended", timeoutMs),
    executor: async (runId) => {
      const now = await until(runId, (s) => s.execution?.claimOwner != null && s.execution.state === "running");
      return ownerOf(now.execution?.claimOwner);
    },
    ownerOf,
    leftovers: () => leftovers(dataDir),
    close: async () => {
      for (const { child, process: one } of children.values()) {
        if (child.exitCode === null && child.signalCode === null) {
          one.signal("SIGCONT");
          one.signal("SIGKILL");
          await one.gone;
        }
      }
      await endProcessesUnder(dataDir, ["leases", "sandboxes", "provider"]);
      await base.close();
      await services.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** What a finished fleet must not have: leases' directories, users of sandboxes, and processes that work in or on a lease. */
export async function leftovers(dataDir: string): Promise<string[]> {
  const roots = ["leases", "sandboxes"].map((name) => join(dataDir, name));
  const entries = (await Promise.all(roots.map((root) => readdir(root, { withFileTypes: true }).catch(() => [])))).flat();
  const directories = entries.filter((e) => e.isDirectory() && !e.name.startsWith(".")).map((e) => `directory ${e.name}`);
  const users = (await readdir(join(dataDir, "sandboxes", ".users")).catch(() => [])).map((user) => `user ${user}`);
  const processes: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const [command, environment] = await Promise.all(["cmdline", "environ"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")));
    if (roots.some((root) => command?.includes(root) || environment?.includes(`HOME=${root}`))) processes.push(`process ${pid} ${command?.replaceAll("\0", " ").slice(0, 100)}`);
  }
  return [...directories, ...users, ...processes];
}
