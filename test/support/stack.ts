import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { type Base, openBase } from "../../src/app/base.ts";
import { openWorker, type RunningWorker, type WorkerOptions } from "../../src/app/worker.ts";
import { type Config, readConfig } from "../../src/config.ts";
import { ensureCompany } from "../../src/db/companies.ts";
import { insertEnvironment, type NewEnvironment } from "../../src/db/environments.ts";
import { endCalm } from "./calm.ts";
import type { Run } from "../../src/db/runs.ts";
import { findSituation, type RunSituation } from "../../src/db/runs.ts";
import type { RunRequestInput } from "../../src/domain/request.ts";
import { sweep } from "../../src/leases/sweep.ts";
import { submitRun } from "../../src/runs/accept.ts";
import { freshPrefix } from "./database.ts";
import { eventually } from "./eventually.ts";
import { borrowDatabase } from "./lent-database.ts";
import { endProcessesUnder } from "./processes.ts";

export const fakeEnvironment = (config: Record<string, unknown>, maxLeases?: number): NewEnvironment => ({
  name: randomUUID(),
  description: null,
  driver: "sandbox",
  backend: "sandbox-fake",
  config: { provider: "fake", ...config },
  envVars: {},
  maxLeases: maxLeases ?? null,
  metadata: {},
});

/** Like a reaper, but that nobody waits a second for it. */
const sweepEvery = 200;

/** A database, a queue prefix and a data directory of their own, and workers on them in this process. */
export interface Stack {
  readonly config: Config;
  readonly base: Base;
  readonly companyId: string;
  /** On this stack's host, or with a data directory of its own on another. */
  worker(options?: Partial<WorkerOptions> & { readonly dataDir?: string }): Promise<RunningWorker>;
  /** An environment of the provider `fake`; its id, which a request names. */
  fakeEnvironment(config?: Record<string, unknown>, maxLeases?: number): Promise<string>;
  submit(request: RunRequestInput, key?: string): Promise<Run>;
  situation(runId: string): Promise<RunSituation>;
  /** Waits for the run's end, sweeping like a reaper meanwhile. */
  ended(runId: string, timeoutMs?: number): Promise<RunSituation>;
  sweep: () => ReturnType<typeof sweep>;
  close(): Promise<void>;
}

export async function startStack(overrides: Partial<Config> = {}): Promise<Stack> {
  const database = await borrowDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), "leasehold-test-"));
  // As `up` makes it: a sandbox of another user has to find its way.
  await chmod(dataDir, 0o711);
  const config: Config = {
    ...readConfig({ PATH: process.env["PATH"] }),
    databaseUrl: database.url,
    redisUrl: inject("redisUrl"),
    dataDir,
    fakeProvider: join(dataDir, "provider"),
    queuePrefix: freshPrefix(),
    logLevel: process.env["TEST_LOG"] ?? "silent",
    ...overrides,
  };
  const base = openBase(config, "test", database.open);
  const company = await ensureCompany(base.database.db, "test");
  await endCalm(base.database.db);
  const workers: { worker: RunningWorker; base: Base }[] = [];
  const doSweep = () => sweep({ db: base.database.db, bells: base.bells, log: base.log, who: "test reaper" });
  const situation = async (runId: string): Promise<RunSituation> => {
    const found = await findSituation(base.database.db, runId);
    if (found === undefined) throw new Error(`no run ${runId}`);
    return found;
  };
  return {
    config,
    base,
    companyId: company.id,
    worker: async ({ dataDir = config.dataDir, ...options } = {}) => {
      const own = openBase(config, "worker", database.open);
      const worker = await openWorker({ ...config, dataDir }, own, { backends: ["local"], ...options }).catch(async (error: unknown) => {
        await own.close();
        throw error;
      });
      workers.push({ worker, base: own });
      return worker;
    },
    fakeEnvironment: async (config = {}, maxLeases) => (await insertEnvironment(base.database.db, company.id, fakeEnvironment(config, maxLeases))).id,
    submit: async (request, key = randomUUID()) => (await submitRun({ db: base.database.db, bells: base.bells }, company.id, key, request)).run,
    situation,
    ended: (runId, timeoutMs = 60_000) => {
      let nextSweep = 0;
      return eventually(
        async () => {
          if (performance.now() >= nextSweep) {
            await doSweep();
            nextSweep = performance.now() + sweepEvery;
          }
          const now = await situation(runId);
          if (now.run.phase !== "ended") throw new Error(`run is ${now.run.phase}, lease ${now.lease?.state}, execution ${now.execution?.state}`);
          return now;
        },
        { timeoutMs },
      );
    },
    sweep: doSweep,
    close: async () => {
      await Promise.all(workers.map((w) => w.worker.stop()));
      await Promise.all(workers.map((w) => w.base.close()));
      await endProcessesUnder(dataDir, ["leases", "sandboxes", "provider"]);
      await base.close();
      await database.giveBack();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
