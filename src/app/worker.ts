import type { Config } from "../config.ts";
import { installationId } from "../db/installation.ts";
import { beatWorker, removeWorker } from "../db/workers.ts";
import { pools, timing } from "../domain/defaults.ts";
import { invalid } from "../domain/errors.ts";
import { newId } from "../domain/ids.ts";
import type { WorkerFleet } from "../leases/fleet.ts";
import { advanceRun } from "../runs/advance.ts";
import { catalog } from "../../queues/catalog.ts";
import { openNotices } from "../../queues/notices.ts";
import { acquireJob } from "../../workers/acquire.ts";
import { executeJob } from "../../workers/execute.ts";
import { type Intake, openWorkers } from "../../workers/host.ts";
import { onwardBells } from "../../workers/onward.ts";
import { realizeJob } from "../../workers/realize.ts";
import { openReconciler } from "../../workers/reconciler.ts";
import { releaseJob } from "../../workers/release.ts";
import { runJob } from "../../workers/run.ts";
import { type Base, openBase } from "./base.ts";
import { openDrivers } from "./drivers.ts";
import { hostIdentity } from "./host-identity.ts";
import { hostMemory } from "./host-memory.ts";
import { allowedHostPaths } from "./host-paths.ts";
import { sayReady, untilTold } from "./until-told.ts";
import { packageVersion } from "./version.ts";

export interface WorkerOptions {
  readonly backends: readonly string[];
  readonly concurrency?: number;
}

/** Parts of a process that works at places; also used to end what runs here without a worker. */
export async function openWorkerFleet(config: Config, base: Base): Promise<{ fleet: WorkerFleet; backends: readonly string[]; close(): Promise<void> }> {
  const installation = await installationId(base.database.db);
  const drivers = openDrivers(config, installation);
  const notices = openNotices(base.redis, (err) => base.log.warn({ err }, "Redis cannot be reached; listening again when it can"));
  return {
    fleet: { db: base.database.db, bells: base.bells, log: base.log, who: base.who, installation, host: await hostIdentity(config.dataDir), memory: await hostMemory(config.dataDir, installation), driver: (backend) => drivers.get(backend), notices },
    backends: drivers.backends,
    close: async () => {
      notices.close();
      await drivers.close();
    },
  };
}

export interface RunningWorker {
  readonly fleet: WorkerFleet;
  /** Takes nothing new, hands running commands on, gives short jobs a while to end. */
  stop(): Promise<void>;
}

/** A worker in this process: decides runs, and acquires, realizes, executes and releases for the given backends. */
export async function openWorker(config: Config, base: Base, options: WorkerOptions): Promise<RunningWorker> {
  const opened = await openWorkerFleet(config, base);
  const fleet: WorkerFleet = { ...opened.fleet, bells: onwardBells(base.bells, (runId) => advanceRun(opened.fleet, runId)) };
  const unknown = options.backends.filter((b) => !opened.backends.includes(b));
  if (unknown.length > 0) throw invalid("backend_unknown", `there is no backend ${unknown.join(", ")}; this version has ${opened.backends.join(", ")}`);

  const detach = new AbortController();
  const giveUp = new AbortController();
  const workers = openWorkers(base.redis, intakes(config, options, base, fleet, detach.signal, giveUp.signal), base.log);
  const row = { id: newId(), host: fleet.host.id, hostName: fleet.host.name, pid: process.pid, version: packageVersion(), backends: [...options.backends] };
  const beat = (): Promise<void> => beatWorker(base.database.db, row).catch((err: unknown) => base.log.warn({ err }, "could not report this worker"));
  await beat();
  const beating = setInterval(() => void beat(), timing.workerBeat);
  const reconciler = openReconciler(fleet, options.backends);
  base.log.info({ backends: options.backends, host: fleet.host, worker: row.id }, "worker ready");
  return {
    fleet,
    stop: async () => {
      clearInterval(beating);
      workers.pause();
      detach.abort(new Error("this worker stops"));
      const late = setTimeout(() => giveUp.abort(new Error("this worker stops")), timing.shutdown / 2);
      await Promise.all([workers.close(), reconciler.stop()]);
      clearTimeout(late);
      await removeWorker(base.database.db, row.id).catch(() => {});
      await opened.close();
    },
  };
}

/** The worker process, until it is told to stop; told twice, it leaves at once. */
export async function runWorker(config: Config, options: WorkerOptions): Promise<void> {
  const told = untilTold();
  const base = openBase(config, "worker");
  const worker = await openWorker(config, base, options);
  sayReady();
  const why = await told.first;
  base.log.info({ why }, "stopping: handing running commands on");
  void told.second.then(() => {
    base.log.warn("told twice: leaving at once");
    process.exit(1);
  });
  await worker.stop();
  await base.close();
  told.done();
}

function intakes(config: Config, options: WorkerOptions, base: Base, fleet: WorkerFleet, detach: AbortSignal, giveUp: AbortSignal): Intake[] {
  const executions = options.concurrency ?? config.concurrency;
  const hostPaths = allowedHostPaths(config.workspacePaths, config.dataDir);
  const perBackend = options.backends.flatMap((backend): Intake[] => {
    const bound = fleet.driver(backend).facts.placement === "host" ? fleet.host.id : null;
    const acquire = (host: string | null): Intake => ({
      queue: catalog.acquire.queue(backend, host),
      concurrency: pools.steps,
      processor: acquireJob(fleet, base.bells, backend, host !== null, giveUp),
    });
    return [
      acquire(null),
      ...(bound === null ? [] : [acquire(bound)]),
      { queue: catalog.realize.queue(backend, bound), concurrency: pools.steps, processor: realizeJob(fleet, hostPaths, detach) },
      { queue: catalog.execute.queue(backend, bound), concurrency: executions, processor: executeJob(fleet, detach) },
      { queue: catalog.release.queue(backend, bound), concurrency: pools.steps, processor: releaseJob(fleet, giveUp) },
    ];
  });
  return [{ queue: catalog.run.queue(), concurrency: pools.runs, processor: runJob(fleet, base.bells) }, ...perBackend];
}
