import { sql } from "drizzle-orm";
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { pino } from "pino";
import { openBells } from "../queues/bells.ts";
import { openDatabase } from "../src/db/client.ts";
import type { Db } from "../src/db/client.ts";
import { migrateDatabase } from "../src/db/migrate.ts";
import { newId } from "../src/domain/ids.ts";
import { sweep } from "../src/leases/sweep.ts";
import type { LocalFleet } from "../src/app/up/fleet.ts";
import { type Bench, ms, percentile, timed } from "./scenario.ts";

const due = 1000;
const rounds = 7;

/** One sweep that has a thousand expired leases to end, among as many rows and among a million; in turn, so that both meet the same machine. */
export const sweeping: Bench = async (fleet) => {
  await using few = await ground(fleet, 0);
  await using many = await ground(fleet, 1_000_000 - due);
  const times = { few: [] as number[], many: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    times.few.push(await few.sweep());
    times.many.push(await many.sweep());
  }
  const [short, long] = [percentile(times.few, 0.5), percentile(times.many, 0.5)];
  return [
    { what: `a sweep that ends ${due} leases among ${due}, p50 of ${rounds}`, measured: ms(short) },
    { what: "the same among 1,000,000", measured: ms(long), raw: `${ms(short)} among ${due}`, ratio: long / short },
  ];
};

interface Ground extends AsyncDisposable {
  /** Milliseconds of a sweep that has a thousand leases to end. */
  sweep(): Promise<number>;
}

/** A database of its own beside the fleet's, with so many leases that have ended. */
async function ground(fleet: LocalFleet, ended: number): Promise<Ground> {
  const name = `bench_${randomUUID().replaceAll("-", "")}`;
  const admin = postgres(fleet.config.databaseUrl ?? "", { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}`);
  const url = new URL(fleet.config.databaseUrl ?? "");
  url.pathname = `/${name}`;
  await migrateDatabase(url.href);
  const database = openDatabase(url.href, { name: "bench" });
  const { db } = database;
  const log = pino({ level: "silent" });
  const bells = openBells({ url: fleet.config.redisUrl ?? "", prefix: `{${name}}` }, log);
  const company = newId();
  await db.execute(sql`insert into companies (id, name) values (${company}, 'bench')`);
  await insertEnded(db, company, ended);
  return {
    sweep: async () => {
      await insertExpired(db, company);
      await db.execute(sql`vacuum analyze environment_leases`);
      await db.execute(sql`update installation set calm_until = clock_timestamp() - interval '1 hour', fleet_tick = clock_timestamp()`);
      let expired = 0;
      const took = await timed(async () => {
        expired = (await sweep({ db, bells, log, who: "bench" })).expired;
      });
      if (expired !== due) throw new Error(`the sweep ended ${expired} leases, not ${due}`);
      // What is left to be released is of no interest to the next one.
      await db.execute(sql`delete from environment_leases where status = 'releasing'`);
      return took;
    },
    [Symbol.asyncDispose]: async () => {
      await bells.close();
      await database.close();
      await admin.unsafe(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}

const insertEnded = (db: Db, company: string, count: number) =>
  db.execute(sql`
    insert into environment_leases (id, company_id, status, backend, provider, resource_key, fence, queue_deadline, max_expires_at, ending, ended_at, released_at, handle, expires_at, acquired_at)
    select uuidv7(), ${company}, 'released', 'local', 'local', uuidv7(), 1, now(), now(), 'released', now(), now(), '{}', now(), now() from generate_series(1, ${count}::int)`);

const insertExpired = (db: Db, company: string) =>
  db.execute(sql`
    insert into environment_leases (id, company_id, status, backend, provider, resource_key, fence, queue_deadline, max_expires_at, handle, expires_at, acquired_at)
    select uuidv7(), ${company}, 'active', 'local', 'local', uuidv7(), 1, now(), now() + interval '1 day', '{}', now() - interval '1 second', now() from generate_series(1, ${due}::int)`);
