import { availableParallelism } from "node:os";
import type { Config } from "../config.ts";
import { installationId } from "../db/installation.ts";
import { pools, timing } from "../domain/defaults.ts";
import { invalid } from "../domain/errors.ts";
import { newId } from "../domain/ids.ts";
import type { WorkerFleet } from "../leases/fleet.ts";
import { Progress } from "../leases/progress.ts";
import { turns } from "../leases/turns.ts";
import { advanceRun } from "../runs/advance.ts";
import { workerSecrets } from "../secrets/lease-secrets.ts";
import { catalog } from "../../queues/catalog.ts";
import { openNotices } from "../../queues/notices.ts";
import { acquireJob } from "../../workers/acquire.ts";
import { type Drain, openDrain } from "../../workers/drain.ts";
import { executeJob } from "../../workers/execute.ts";
import { type Intake, openWorkers } from "../../workers/host.ts";
import { onwardBells } from "../../workers/onward.ts";
import { realizeJob } from "../../workers/realize.ts";
import { openReconciler } from "../../workers/reconciler.ts";
import { releaseJob } from "../../workers/release.ts";
import { runJob } from "../../workers/run.ts";
import { atStart } from "./at-start.ts";
import { type Base, openBase } from "./base.ts";
import { checkSchema } from "./check-schema.ts";
import { openDrivers } from "./drivers.ts";
import { hostIdentity } from "./host-identity.ts";
import { hostMemory } from "./host-memory.ts";
import { allowedHostPaths } from "./host-paths.ts";
import { bePresent } from "./presence.ts";
import { openSecrets } from "./secrets.ts";
import { sayReady, untilTold } from "./until-told.ts";
import { packageVersion } from "./version.ts";

export interface WorkerOptions {
  readonly backends: readonly string[];
  readonly concurrency?: number;
}

/** Parts of a process that works at places; also used to end what runs here without a worker. */
export async function openWorkerFleet(config: Config, base: Base, driversOf = openDrivers): Promise<{ fleet: WorkerFleet; backends: readonly string[]; close(): Promise<void> }> {
  const { database, bells, log, who } = base;
  const installation = await atStart(() => installationId(database.db));
  const drivers = driversOf(config, installation);
  const notices = openNotices(base.redis, (err) => log.warn({ err }, "Redis cannot be reached; listening again when it can"));
  const host = await hostIdentity(config.dataDir);
  const memory = await hostMemory(config.dataDir, installation);
  const secrets = workerSecrets(await openSecrets(config, { db: database.db, known: base.known, log }), who);
  const claims = database.beside("worker claims", pools.claims);
  return {
    fleet: { db: database.db, secrets, claims: claims.db, bells, log, who, installation, host, memory, driver: (backend) => drivers.get(backend), notices, progress: new Progress() },
    backends: drivers.backends,
    close: async () => {
      notices.close();
      await Promise.all([drivers.close(), claims.close()]);
    },
  };
}

export interface RunningWorker {
  readonly fleet: WorkerFleet;
  /** Takes nothing new, hands running commands on, gives short jobs a while to end. */
  stop(): Promise<void>;
}

/** A worker in this process: decides runs, and acquires, realizes, executes and releases for the given backends. */
export async function openWorker(config: Config, base: Base, options: WorkerOptions, driversOf = openDrivers): Promise<RunningWorker> {
  const opened = await openWorkerFleet(config, base, driversOf);
  const fleet: WorkerFleet = { ...opened.fleet, bells: onwardBells(base.bells, (runId) => advanceRun(opened.fleet, runId)) };
  const unknown = options.backends.filter((b) => !opened.backends.includes(b));
  if (unknown.length > 0) throw invalid("backend_unknown", `there is no backend ${unknown.join(", ")}; this version has ${opened.backends.join(", ")}`);

  const row = { id: newId(), host: fleet.host.id, hostName: fleet.host.name, pid: process.pid, version: packageVersion(), backends: [...options.backends] };
  const presence = await bePresent(base.database.db, base.log, config.dataDir, row).catch(async (error: unknown) => {
    await opened.close();
    throw error;
  });
  const detach = new AbortController();
  const giveUp = new AbortController();
  const drains: Drain[] = [];
  const workers = openWorkers(base.redis, intakes(config, options, base, fleet, drains, detach.signal, giveUp.signal), base.log);
  // Bells for new leases go to who may take them. Where nobody else is, they and probes go on coming here, and the database takes none.
  presence.onWord(({ draining, elsewhere }) => {
    for (const backend of options.backends) workers.rest(catalog.acquire.queue(backend, null), draining && elsewhere.includes(backend));
  });
  const reconciler = openReconciler(fleet, options.backends);
  base.log.info({ backends: options.backends, host: fleet.host, worker: row.id }, "worker ready");
  return {
    fleet,
    stop: async () => {
      workers.pause();
      detach.abort(new Error("this worker stops"));
      const late = setTimeout(() => giveUp.abort(new Error("this worker stops")), timing.shutdown / 2);
      await Promise.all([workers.close(), reconciler.stop()]);
      await Promise.race([Promise.all(drains.map((one) => one.idle())), aborted(giveUp.signal)]);
      clearTimeout(late);
      await presence.leave();
      await opened.close();
    },
  };
}

/** The worker process, until it is told to stop; told twice, it leaves at once. */
export async function runWorker(config: Config, options: WorkerOptions): Promise<void> {
  const told = untilTold();
  const base = openBase(config, "worker");
  await checkSchema(base);
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

function intakes(config: Config, options: WorkerOptions, base: Base, fleet: WorkerFleet, drains: Drain[], detach: AbortSignal, giveUp: AbortSignal): Intake[] {
  const executions = options.concurrency ?? config.concurrency;
  const hostPaths = allowedHostPaths(config.workspacePaths, config.dataDir);
  const perBackend = options.backends.flatMap((backend): Intake[] => {
    const bound = fleet.driver(backend).facts.placement === "host" ? fleet.host.id : null;
    // What is done on this machine itself is done by its processors: more at once only makes each take longer, whoever's turn it is.
    const inTurn = () => turns(bound === null ? Number.POSITIVE_INFINITY : Math.max(1, availableParallelism() - 1));
    const acquire = (host: string | null): Intake => {
      const drain = openDrain(fleet, backend, host !== null, pools.steps, inTurn(), detach);
      drains.push(drain);
      return { queue: catalog.acquire.queue(backend, host), concurrency: pools.steps, processor: acquireJob(fleet, base.bells, backend, drain, giveUp) };
    };
    return [
      acquire(null),
      ...(bound === null ? [] : [acquire(bound)]),
      { queue: catalog.realize.queue(backend, bound), concurrency: pools.steps, processor: realizeJob(fleet, hostPaths, detach, inTurn()) },
      { queue: catalog.execute.queue(backend, bound), concurrency: executions, processor: executeJob(fleet, detach, inTurn()) },
      { queue: catalog.release.queue(backend, bound), concurrency: pools.steps, processor: releaseJob(fleet, giveUp, inTurn()) },
    ];
  });
  return [{ queue: catalog.run.queue(), concurrency: pools.runs, processor: runJob(fleet, base.bells) }, ...perBackend];
}

const aborted = (signal: AbortSignal): Promise<void> => new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true })));
