import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Config } from "../config.ts";
import { type Database, openDatabase } from "../db/client.ts";
import { invalid } from "../domain/errors.ts";
import { KnownValues } from "../domain/known-values.ts";
import { type Logger, openLog } from "../log.ts";
import { openBells, type QueueBells } from "../../queues/bells.ts";
import type { RedisAddress } from "../../queues/connection.ts";

/** What every long-running process of the fleet has. */
export interface Base {
  readonly log: Logger;
  /** Secret values that this process knows at the moment; its log has none of them. */
  readonly known: KnownValues;
  readonly database: Database;
  readonly redis: RedisAddress;
  readonly bells: QueueBells;
  /** This process, for claims and event rows: kind, machine, pid, and a random part, as pids come again. */
  readonly who: string;
  close(): Promise<void>;
}

/** Opens the connections of a process of this kind. Throws `invalid` when the configuration names no database or Redis. */
export function openBase(config: Config, kind: string, databaseOf = openDatabase): Base {
  const { databaseUrl, redisUrl } = config;
  if (databaseUrl === undefined || redisUrl === undefined) {
    const missing = [databaseUrl === undefined ? "DATABASE_URL" : "", redisUrl === undefined ? "REDIS_URL" : ""].filter((n) => n !== "");
    throw invalid("services_unconfigured", `${missing.join(" and ")} must be set for \`leasehold ${kind}\`; \`leasehold up\` brings its own services on one machine`);
  }
  const known = new KnownValues();
  const log = openLog(config.logLevel, kind, known.redact);
  const database = databaseOf(databaseUrl, { name: kind, max: config.pool });
  const redis = { url: redisUrl, prefix: config.queuePrefix };
  const bells = openBells(redis, log);
  return {
    log,
    known,
    database,
    redis,
    bells,
    who: `${kind} ${hostname()} ${process.pid} ${randomUUID().slice(0, 8)}`,
    close: async () => {
      await bells.close();
      await database.close();
    },
  };
}
