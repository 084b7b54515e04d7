import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { LeaseholdError } from "../domain/errors.ts";
import { keepRunning } from "./keep-running.ts";
import type { Kept } from "./keep-running.ts";
import { preparePostgres } from "./postgres.ts";
import type { ServerFolder } from "./postgres.ts";
import { prepareRedis } from "./redis.ts";
import type { Durability, Server } from "./server.ts";
import { startTries } from "./timing.ts";

export interface Services {
  /** Superuser of an own Postgres, database `postgres`. */
  databaseUrl: string;
  redisUrl: string;
  /** The servers' processes now; the pid changes when a server died and was started again. */
  postgres: { readonly pid: number };
  redis: { readonly pid: number };
  /** Stops both within about 20 s, whoever is connected. May be called again. */
  stop(): Promise<void>;
}

export interface OpenServices {
  /** Made when missing. The caller owns it, see `claimDataDir`. */
  dataDir: string;
  log: Logger;
  /** `fast` is for tests: survives `kill -9` of anything, not a power cut. Default `full`. */
  durability?: Durability;
  /** Gives the start up: what was started is stopped again, and `cancelled` is thrown. */
  signal?: AbortSignal;
}

/**
 * Brings up Postgres and Redis on loopback, with passwords and data kept in `dataDir`. Servers of an earlier process that still
 * run there are taken over. One that dies is started again on the same port. If this process dies, both stay, and the
 * next call takes them over. Throws `refused` (`postgres_unavailable`, `redis_unavailable`) with what to do.
 */
export async function openServices({ dataDir, log, durability = "full", signal = never }: OpenServices): Promise<Services> {
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  // Traversable, so that sandboxed processes reach the directories bound for them; not listable.
  await chmod(dataDir, 0o711);
  const opened = await Promise.allSettled([
    open(preparePostgres, { folder: join(dataDir, "postgres"), durability, log }, signal),
    open(prepareRedis, { folder: join(dataDir, "redis"), durability, log }, signal),
  ]);
  const [postgres, redis] = opened;
  if (postgres.status === "rejected" || redis.status === "rejected") {
    await Promise.all(opened.map(async (one) => one.status === "fulfilled" && one.value.kept.stop()));
    throw opened.find((one) => one.status === "rejected")?.reason;
  }
  return {
    databaseUrl: postgres.value.url,
    redisUrl: redis.value.url,
    postgres: postgres.value.kept,
    redis: redis.value.kept,
    stop: async () => {
      await Promise.all([postgres.value.kept.stop(), redis.value.kept.stop()]);
    },
  };
}

const never = new AbortController().signal;

/** Prepares and starts one server. Somebody may take the port between the choice and the start: then another one is chosen. */
async function open(
  prepare: (where: ServerFolder) => Promise<Server>,
  where: ServerFolder,
  signal: AbortSignal,
): Promise<{ url: string; kept: Kept }> {
  for (let tries = 1; ; tries++) {
    const server = await prepare(where);
    try {
      const process = await server.start(signal);
      where.log.info({ service: server.name, pid: process.pid }, `${server.name} is up`);
      return { url: server.url, kept: keepRunning(server, process, where.log) };
    } catch (error) {
      if (error instanceof LeaseholdError && error.code === "port_taken" && tries < startTries) continue;
      await server.stop();
      throw error;
    }
  }
}
