import { Redis } from "ioredis";
import { sql } from "drizzle-orm";
import { type Database, openDatabase } from "../src/db/client.ts";
import type { Config } from "../src/config.ts";
import { cpuSeconds, type Part } from "./cpu.ts";

/** What a fleet used of this machine, a second. */
export interface Cost {
  /** Cores. */
  readonly cpu: Readonly<Record<Part, number>>;
  readonly transactions: number;
  readonly redisCommands: number;
}

/** Watches a fleet for so many milliseconds. The few statements that this asks itself are in the figures. */
export async function costOf(config: Pick<Config, "dataDir" | "databaseUrl" | "redisUrl">, forMs: number): Promise<Cost> {
  const database = openDatabase(config.databaseUrl ?? "", { name: "bench", max: 1 });
  const redis = new Redis(config.redisUrl ?? "");
  try {
    const read = async () => ({ at: performance.now(), cpu: cpuSeconds(config.dataDir), transactions: await transactions(database), commands: await commands(redis) });
    const before = await read();
    await new Promise((resolve) => setTimeout(resolve, forMs));
    const after = await read();
    const seconds = (after.at - before.at) / 1000;
    const rate = (part: Part): number => (after.cpu[part] - before.cpu[part]) / seconds;
    return {
      cpu: { postgres: rate("postgres"), redis: rate("redis"), node: rate("node") },
      transactions: (after.transactions - before.transactions) / seconds,
      redisCommands: (after.commands - before.commands) / seconds,
    };
  } finally {
    redis.disconnect();
    await database.close();
  }
}

/** Sessions report theirs when they have nothing to do, at most once a second. */
async function transactions({ db }: Database): Promise<number> {
  const [row] = await db.execute(sql`select xact_commit + xact_rollback as n from pg_stat_database where datname = current_database()`);
  return Number(row?.["n"]);
}

async function commands(redis: Redis): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(String(await redis.info("stats")))?.[1]);
}

export const coresOf = ({ cpu }: Cost): string => {
  const whole = cpu.postgres + cpu.redis + cpu.node;
  return `${whole.toFixed(2)} cores (Node ${cpu.node.toFixed(2)}, Postgres ${cpu.postgres.toFixed(2)}, Redis ${cpu.redis.toFixed(2)})`;
};
