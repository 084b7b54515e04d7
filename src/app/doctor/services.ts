import { sql } from "drizzle-orm";
import { evictionWarning, mustTakeWrites, openRingingConnection } from "../../../queues/connection.ts";
import type { Config } from "../../config.ts";
import { openDatabase } from "../../db/client.ts";
import { schemaState } from "../../db/migrations.ts";
import type { Check, Finding } from "./finding.ts";

/** A clock that is off by more makes times in answers wrong; leases go by the database's clock alone. */
const skew = 5000;

/** Postgres and Redis, where this machine is told of them: those that `up` brings are looked at through its API. */
export const serviceChecks = ({ databaseUrl, redisUrl, queuePrefix, pool }: Config): Check[] => [
  ...(databaseUrl === undefined ? [] : [{ subject: "Postgres", remedy: "check DATABASE_URL, and that the server runs and lets this machine in", look: () => postgres(databaseUrl, pool) }]),
  ...(redisUrl === undefined ? [] : [{ subject: "Redis", remedy: "check REDIS_URL, and that the server runs and lets this machine in", look: () => redis(redisUrl, queuePrefix) }]),
];

async function postgres(url: string, pool: number): Promise<Finding[]> {
  const subject = "Postgres";
  const database = openDatabase(url, { name: "doctor", max: 1 });
  try {
    const asked = Date.now();
    const [row] = await database.db.execute(sql`select current_setting('server_version') as version, extract(epoch from clock_timestamp()) * 1000 as now,
      current_setting('max_connections')::int - (select count(*) from pg_stat_activity where backend_type = 'client backend')::int as left`);
    const off = Number(row?.["now"]) - (asked + Date.now()) / 2;
    const left = Number(row?.["left"]);
    const { missing, newer } = await schemaState(database.db);
    return [
      { subject, state: "fine", says: `version ${String(row?.["version"])}` },
      ...(missing.length === 0 ? [] : [{ subject: "schema", state: "fault", says: `lacks ${missing.join(", ")}`, remedy: "leasehold migrate" } as const]),
      ...(newer === 0 ? [] : [{ subject: "schema", state: "warning", says: "was migrated by a newer version than this one", remedy: "update this installation" } as const]),
      ...(Math.abs(off) <= skew ? [] : [{ subject: "clock", state: "warning", says: `this machine is ${Math.round(Math.abs(off) / 1000)} s ${off < 0 ? "ahead of" : "behind"} Postgres`, remedy: "have an NTP client keep both" } as const]),
      ...(left >= pool ? [] : [{ subject, state: "warning", says: `has room for ${left} connections more; a process of the fleet wants ${pool}`, remedy: "raise max_connections, or lower LEASEHOLD_POOL" } as const]),
    ];
  } finally {
    await database.close(0);
  }
}

async function redis(url: string, prefix: string): Promise<Finding[]> {
  const subject = "Redis";
  let failure: Error | undefined;
  const connection = openRingingConnection({ url, prefix }, (error) => (failure ??= error));
  try {
    await new Promise<void>((resolve, reject) => {
      connection.once("ready", resolve);
      connection.once("error", reject);
    });
    await mustTakeWrites(connection, prefix);
    const info = String(await connection.info());
    const of = (field: string): string => new RegExp(`^${field}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "";
    const evicts = await evictionWarning(connection);
    return [
      { subject, state: "fine", says: `version ${of("redis_version")}` },
      ...(evicts === null ? [] : [{ subject, state: "fault", says: evicts, remedy: "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf" } as const]),
      ...(of("aof_enabled") === "1" ? [] : [{ subject, state: "warning", says: "keeps no append-only file: jobs are made anew from Postgres when it restarts, which takes a moment", remedy: "CONFIG SET appendonly yes, and the same in redis.conf" } as const]),
    ];
  } catch (error) {
    throw failure ?? error;
  } finally {
    connection.disconnect();
  }
}
