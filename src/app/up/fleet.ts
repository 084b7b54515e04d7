import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { childEnvironment, type Config } from "../../config.ts";
import { type Db, openDatabase } from "../../db/client.ts";
import { getCompany } from "../../db/companies.ts";
import { findEnvironment } from "../../db/environments.ts";
import { migrateDatabase } from "../../db/migrate.ts";
import { cancelled } from "../../domain/errors.ts";
import { claimDataDir } from "../../embedded/ownership.ts";
import { openServices } from "../../embedded/services.ts";
import { type FleetChild, keepChild } from "./child.ts";
import { ensureMasterKey } from "./master-key.ts";
import { environmentName, offerSandbox, sandboxBackend } from "./sandbox.ts";
import { ensureToken } from "./token.ts";

export interface FleetOptions {
  readonly workers: number;
  /** Without it, all that this machine can serve. */
  readonly backends?: readonly string[];
  /** `fast` is for tests and the demo. */
  readonly durability?: "full" | "fast";
  /** Gives the start up: what was started is stopped again, and `cancelled` is thrown. */
  readonly signal?: AbortSignal;
  /** Told what is being done, for whoever waits. */
  readonly progress?: (what: string) => void;
}

/** A whole fleet on this machine. */
export interface LocalFleet {
  readonly url: string;
  readonly companyId: string;
  readonly token: string;
  /** The configuration with the services' addresses filled in. */
  readonly config: Config;
  readonly workers: readonly FleetChild[];
  /** Where runs go that name no environment; `served` if this fleet's workers can take them there. */
  readonly runsGo: { readonly environment: string; readonly backend: string; readonly served: boolean };
  readonly embedded: boolean;
  /** Stops API, workers and reaper; running commands go on. The services stay up. */
  stopProcesses(): Promise<void>;
  /** Ends them at once, without handing anything on. */
  killProcesses(): Promise<void>;
  /** Stops the services, if they are ours, and gives the data directory up. */
  stopServices(): Promise<void>;
}

/**
 * Starts services (unless configured), schema, API, workers and reaper, each in a process of its own. Whatever fails on the
 * way, what was started is stopped again. Throws `invalid` `data_directory_in_use` when another `up` has the directory.
 */
export async function startFleet(config: Config, options: FleetOptions, log: Logger): Promise<LocalFleet> {
  const progress = options.progress ?? (() => {});
  const claim = await claimDataDir(config.dataDir);
  const undo: (() => Promise<void>)[] = [() => claim.release()];
  const unwind = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const embedded = config.databaseUrl === undefined || config.redisUrl === undefined;
    progress(embedded ? "starting Postgres and Redis" : "using the configured Postgres and Redis");
    const services = embedded ? await openServices({ dataDir: config.dataDir, log, ...(options.durability === undefined ? {} : { durability: options.durability }), ...(options.signal === undefined ? {} : { signal: options.signal }) }) : null;
    if (services !== null) undo.push(() => services.stop());
    const databaseUrl = config.databaseUrl ?? services?.databaseUrl ?? "";
    const redisUrl = config.redisUrl ?? services?.redisUrl ?? "";

    progress("bringing the schema up to date");
    await migrateDatabase(databaseUrl);
    const database = openDatabase(databaseUrl, { name: "up", max: 1 });
    const { companyId, token } = await ensureToken(database.db, config.dataDir);
    const lostKey = await ensureMasterKey(config, database.db);
    if (lostKey !== null) progress(lostKey);
    const offer = options.backends === undefined ? await offerSandbox(config, database.db, companyId, log) : { config, faults: [], unusable: [] };
    const usual = await usualEnvironment(database.db, companyId);
    await database.close();
    for (const fault of offer.faults) progress(`no sandboxes here: ${fault.message}${fault.remedy === undefined ? "" : ` (${fault.remedy})`}`);
    for (const fault of offer.unusable) progress(`environment ${environmentName} cannot be used here: ${fault.message} (look with: leasehold env probe ${environmentName})`);
    const backends = options.backends ?? ["local", ...(offer.faults.length === 0 ? [sandboxBackend] : []), ...(config.fakeProvider === undefined ? [] : ["sandbox-fake"])];

    progress(`starting API, ${options.workers} ${options.workers === 1 ? "worker" : "workers"} and reaper`);
    const full: Config = { ...offer.config, databaseUrl, redisUrl };
    const logDir = logsIn(config.dataDir);
    await mkdir(logDir, { recursive: true, mode: 0o700 });
    const env = childEnvironment(full);
    const child = (name: string, args: readonly string[]): FleetChild => keepChild({ name, args, env, logDir, log });
    const api = child("api", ["api"]);
    const workers = Array.from({ length: options.workers }, (_, i) => child(`worker-${i + 1}`, ["worker", "--backends", backends.join(",")]));
    const reaper = child("reaper", ["reaper"]);
    const all = [api, ...workers, reaper];
    const stopProcesses = async (): Promise<void> => {
      await Promise.all(all.map((one) => one.stop()));
    };
    const killProcesses = async (): Promise<void> => {
      await Promise.all(all.map((one) => one.kill()));
    };
    undo.push(stopProcesses);
    const [news] = await Promise.race([Promise.all([api.ready, ...workers.map((w) => w.ready), reaper.ready]), givenUp(options.signal)]);
    const url = String(news["url"]);
    await claim.setUrl(url);
    return { url, companyId, token, config: full, workers, runsGo: { ...usual, served: backends.includes(usual.backend) }, embedded, stopProcesses, killProcesses, stopServices: unwind };
  } catch (error) {
    await unwind();
    throw error;
  }
}

/** Where the processes of a fleet on this machine write their logs. */
export const logsIn = (dataDir: string): string => join(dataDir, "logs");

/** The environment of runs that name none. Its local one is made when the first run needs it. */
async function usualEnvironment(db: Db, companyId: string): Promise<{ environment: string; backend: string }> {
  const { defaultEnvironmentId } = await getCompany(db, companyId);
  const chosen = defaultEnvironmentId === null ? undefined : await findEnvironment(db, companyId, defaultEnvironmentId);
  return chosen === undefined ? { environment: "Local", backend: "local" } : { environment: chosen.name, backend: chosen.backend };
}

/** Never settles, but for rejecting when the signal fires. */
function givenUp(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    const giveUp = (): void => reject(cancelled("start_cancelled", "told to stop before the fleet was up"));
    if (signal?.aborted === true) giveUp();
    else signal?.addEventListener("abort", giveUp, { once: true });
  });
}
