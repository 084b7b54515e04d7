import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import type { Redis } from "ioredis";
import { openPatientConnection } from "../../../queues/connection.ts";
import type { Db } from "../../../src/db/client.ts";
import { rowsOf } from "../../../src/db/rows.ts";
import type { ChaosFleet } from "../fleet/fleet.ts";

/** Columns that hold what a command is given, by their purpose. */
const meantToHold = ["request", "env_vars", "input"];

/** Looks for planted values where no secret may be: in Redis (its keys, and all that it ever appended to its file), logs and rows. */
export async function searchSecrets(fleet: ChaosFleet, secret: string): Promise<{ found: string[]; searched: number }> {
  const needles = [secret, Buffer.from(secret).toString("base64").slice(0, -4)];
  const found: string[] = [];
  let searched = 0;
  const look = (where: string, text: string): void => {
    searched += 1;
    for (const needle of needles) if (text.includes(needle)) found.push(`${where}: ...${text.slice(Math.max(0, text.indexOf(needle) - 80), text.indexOf(needle) + 20)}`);
  };
  for (const directory of [fleet.places.logs, join(fleet.places.data, "redis", "data", "appendonlydir")]) {
    for (const name of await readdir(directory).catch(() => [])) look(join(directory, name), await readFile(join(directory, name), "latin1"));
  }
  await searchRedis(fleet, look);
  await searchRows(fleet.database.db, look);
  return { found, searched };
}

async function searchRedis(fleet: ChaosFleet, look: (where: string, text: string) => void): Promise<void> {
  const redis = openPatientConnection({ url: fleet.services.redisUrl, prefix: "" }, () => {});
  try {
    for (let cursor = "0"; ; ) {
      const [next, keys] = await redis.scan(cursor, "COUNT", 500);
      for (const key of keys) look(`redis key ${key}`, JSON.stringify(await contentOf(redis, key)));
      if (next === "0") return;
      cursor = next;
    }
  } finally {
    redis.disconnect();
  }
}

async function contentOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case "string":
      return redis.get(key);
    case "hash":
      return redis.hgetall(key);
    case "list":
      return redis.lrange(key, 0, -1);
    case "set":
      return redis.smembers(key);
    case "zset":
      return redis.zrange(key, "0", "-1");
    case "stream":
      return redis.xrange(key, "-", "+");
    default:
      return null;
  }
}

async function searchRows(db: Db, look: (where: string, text: string) => void): Promise<void> {
  const tables = await rowsOf(db, sql`select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> 'execution_output'`);
  for (const { name } of tables) {
    const without = meantToHold.map((column) => `- '${column}'`).join(" ");
    for (const row of await rowsOf(db, sql.raw(`select (to_jsonb(t) ${without})::text as text from "${String(name)}" t`))) look(`row of ${String(name)}`, String(row["text"]));
  }
  // Given to a command of an ad-hoc lease, and gone when it has ended.
  for (const row of await rowsOf(db, sql`select id, input::text as text from executions where state = 'final' and input is not null`)) look(`input of execution ${String(row["id"])}`, String(row["text"]));
}
