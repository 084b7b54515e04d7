import { randomUUID } from "node:crypto";
import { Queue, Worker } from "bullmq";
import { sql } from "drizzle-orm";
import { pino } from "pino";
import { openBells } from "../queues/bells.ts";
import { openPatientConnection, type RedisAddress } from "../queues/connection.ts";
import { type Database, openDatabase } from "../src/db/client.ts";
import { insertEnvironment } from "../src/db/environments.ts";
import { submitRun } from "../src/runs/accept.ts";
import { type Bench, timed } from "./scenario.ts";

const count = 500;
/** Jobs and transactions of the floor under way at once: as many as three worker processes have steps. */
const width = 24;

/**
 * Complete runs of a provider that does nothing, so that what is measured is the fleet; beside a floor that does as many BullMQ
 * jobs and Postgres transactions bare, one after the other, as the runs did.
 */
export const instant: Bench = async (fleet) => {
  const address = { url: fleet.config.redisUrl ?? "", prefix: fleet.config.queuePrefix };
  const database = openDatabase(fleet.config.databaseUrl ?? "", { name: "bench", max: width });
  const bells = openBells(address, pino({ level: "silent" }));
  const environment = await insertEnvironment(database.db, fleet.companyId, {
    name: `instant ${randomUUID()}`,
    description: null,
    driver: "sandbox",
    backend: "sandbox-fake",
    config: { provider: "fake", commands: "instant" },
    envVars: {},
    maxLeases: null,
    metadata: {},
  });
  const open = async (): Promise<number> => {
    const [row] = await database.db.execute(sql`select count(*)::int as n from runs where phase <> 'ended'`);
    return Number(row?.["n"]);
  };
  let polls = 0;
  const [jobsBefore, transactionsBefore] = [await jobsOf(address), await transactionsOf(database)];
  const whole = await timed(async () => {
    await Promise.all(
      Array.from({ length: count }, () => submitRun({ db: database.db, bells }, fleet.companyId, randomUUID(), { command: ["true"], environment: { agent: environment.id } })),
    );
    for (; (await open()) > 0; polls += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  });
  const jobs = Math.round((await jobsOf(address)) - jobsBefore);
  const transactions = Math.round((await transactionsOf(database)) - transactionsBefore) - polls;
  const floor = await timed(() => bare(address, database, jobs, transactions));
  await bells.close();
  await database.close();
  const rate = (time: number): number => count / (time / 1000);
  return [
    {
      what: `${count} instant runs`,
      measured: `${rate(whole).toFixed(1)} runs/s`,
      raw: `${rate(floor).toFixed(1)} runs/s floor`,
      ratio: floor / whole,
    },
    { what: "  per run", measured: `${(jobs / count).toFixed(1)} jobs, ${(transactions / count).toFixed(1)} transactions` },
  ];
};

/** How many jobs were ever added: BullMQ counts them per queue. */
async function jobsOf(address: RedisAddress): Promise<number> {
  const redis = openPatientConnection(address, () => {});
  const keys = await redis.keys(`${address.prefix}:*:id`);
  const counts = await Promise.all(keys.map((key) => redis.get(key)));
  redis.disconnect();
  return counts.reduce((sum, one) => sum + Number(one ?? 0), 0);
}

/** Committed transactions, about: a connection that works reports at most a second late, and what it did last may be missing. */
async function transactionsOf({ db }: Database): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const [row] = await db.execute(sql`select xact_commit::float8 as n from pg_stat_database where datname = current_database()`);
  return Number(row?.["n"]);
}

/** The same number of jobs, added and taken, and of transactions that change a row; nothing else. */
async function bare(address: RedisAddress, database: Database, jobs: number, transactions: number): Promise<void> {
  const name = `bare-${randomUUID()}`;
  const connection = openPatientConnection(address, () => {});
  const queue = new Queue(name, { connection, prefix: address.prefix });
  let done = 0;
  const listening = openPatientConnection(address, () => {});
  const worker = new Worker(name, async () => "done", { connection: listening, prefix: address.prefix, concurrency: width, removeOnComplete: { count: 0 } });
  const finished = new Promise<void>((resolve) => {
    worker.on("completed", () => {
      done += 1;
      if (done === jobs) resolve();
    });
  });
  await database.db.execute(sql`create table if not exists bare (id int primary key, n int not null)`);
  await database.db.execute(sql`insert into bare select i, 0 from generate_series(1, ${width}) i on conflict do nothing`);
  const share = (total: number, i: number): number => Math.floor(total / width) + (i < total % width ? 1 : 0);
  await Promise.all([
    finished,
    ...Array.from({ length: width }, async (_, i) => {
      for (let n = share(jobs, i); n > 0; n -= 1) await queue.add("bare", { v: 1, id: i });
    }),
    ...Array.from({ length: width }, async (_, i) => {
      for (let n = share(transactions, i); n > 0; n -= 1) await database.db.execute(sql`update bare set n = n + 1 where id = ${i + 1}`);
    }),
  ]);
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  connection.disconnect();
  listening.disconnect();
}
