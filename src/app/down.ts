import { lstat, readdir, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { invalid, LeaseholdError } from "../domain/errors.ts";
import { claimDataDir, type Owner, readOwner } from "../embedded/ownership.ts";
import { stopPostgres } from "../embedded/postgres.ts";
import { allGone, signalProcess } from "../embedded/process-identity.ts";
import { stopRedis } from "../embedded/redis.ts";
import { openServices } from "../embedded/services.ts";
import { openLog } from "../log.ts";
import { withRunning } from "./up/end-running.ts";

export interface DownOptions {
  /** Ends running commands too, and deletes the data directory's content. */
  readonly purge: boolean;
  /** Told what is being done, a line each. */
  readonly say: (line: string) => void;
}

export interface Downed {
  /** Whether an `up` was running. */
  readonly wasUp: boolean;
  /** What was deleted, by name in the data directory. */
  readonly deleted: readonly string[];
  /** What was found there and is not Leasehold's: it stays. */
  readonly kept: readonly string[];
}

/** Longer than an `up` needs for its processes, its commands and its services. */
const patience = 90_000;
/** So that the second signal is not taken for the first. */
const betweenSignals = 500;

/** What Leasehold makes in a data directory. */
const ours = /^(postgres|redis|leases|sandboxes|logs|token|master-keys|host-id|witness|workers|owner(\.[0-9a-f]+)?\.(json|new)|\.purge-.*)$/;

/**
 * Stops the fleet that `leasehold up` runs on a data directory, or what one that was killed has left running there. Commands
 * go on for the next `up`; with `purge` they are ended, what they held is given back, and the data is deleted. Throws
 * `transient` `still_running` when the fleet does not stop, and `invalid` `purge_impossible` when its data is elsewhere too.
 */
export async function runDown(config: Config, { purge, say }: DownOptions): Promise<Downed> {
  const { dataDir } = config;
  if (purge && (config.databaseUrl !== undefined || config.redisUrl !== undefined)) {
    throw invalid("purge_impossible", "this fleet's database or queue is not in its data directory: DATABASE_URL or REDIS_URL is set. Stop its processes and drop what they use there.");
  }
  if (!(await isThere(dataDir))) return { wasUp: false, deleted: [], kept: [] };
  const owner = await readOwner(dataDir);
  if (owner !== undefined) await stopOwner(owner, purge, say);
  const claim = await claimDataDir(dataDir);
  try {
    if (purge && owner === undefined) await endLeftCommands(config, say);
    await stopLeftServers(dataDir);
    if (!purge) return { wasUp: owner !== undefined, deleted: [], kept: [] };
    say(`deleting what is in ${dataDir}`);
    const entries = (await readdir(dataDir)).toSorted();
    // The claim goes last: until then nobody else begins here.
    const deleted = entries.filter((name) => ours.test(name));
    for (const name of deleted.filter((one) => !one.startsWith("owner."))) await purgeEntry(dataDir, name);
    return { wasUp: owner !== undefined, deleted: deleted.filter((name) => !name.startsWith("owner.")), kept: entries.filter((name) => !ours.test(name)) };
  } finally {
    await claim.release();
    if (purge) await rmdir(dataDir).catch(() => {});
  }
}

async function stopOwner(owner: Owner, purge: boolean, say: (line: string) => void): Promise<void> {
  say(purge ? `stopping the fleet of process ${owner.pid}, and its commands` : `stopping the fleet of process ${owner.pid}; its commands go on`);
  signalProcess(owner, "SIGINT");
  if (purge && !(await allGone([owner], betweenSignals))) signalProcess(owner, "SIGINT");
  if (await allGone([owner], patience)) return;
  throw new LeaseholdError("transient", "still_running", `process ${owner.pid} has not stopped within ${patience / 1000} s; end it with kill -9 ${owner.pid}, then come again`);
}

/** Of an `up` that was killed: its commands may be running still, and what they hold is to be given back. */
async function endLeftCommands(config: Config, say: (line: string) => void): Promise<void> {
  if (!(await isThere(join(config.dataDir, "postgres/data")))) return;
  const services = await openServices({ dataDir: config.dataDir, log: openLog("silent", "down") });
  try {
    await withRunning({ ...config, databaseUrl: services.databaseUrl, redisUrl: services.redisUrl }, async (running, end) => {
      if (running.length === 0) return;
      say(`ending ${running.length} running ${running.length === 1 ? "command" : "commands"}`);
      await end();
    });
  } finally {
    await services.stop();
  }
}

async function stopLeftServers(dataDir: string): Promise<void> {
  const log = openLog("silent", "down");
  for (const [name, stop] of [["postgres", stopPostgres], ["redis", stopRedis]] as const) {
    if (await isThere(join(dataDir, name, "data"))) await stop(join(dataDir, name), log);
  }
}

/** By another name first: of what is half deleted, a purge that comes after one that was killed must not take anything for whole. */
async function purgeEntry(dataDir: string, name: string): Promise<void> {
  const aside = join(dataDir, name.startsWith(".purge-") ? name : `.purge-${name}`);
  if (aside !== join(dataDir, name)) {
    await rm(aside, { recursive: true, force: true });
    await rename(join(dataDir, name), aside);
  }
  await rm(aside, { recursive: true, force: true });
}

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
