import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import { pino } from "pino";
import { openBells, type QueueBells } from "../queues/bells.ts";
import type { LocalFleet } from "../src/app/up/fleet.ts";
import { type Database, openDatabase } from "../src/db/client.ts";
import { ensureCompany } from "../src/db/companies.ts";
import { insertEnvironment } from "../src/db/environments.ts";
import { submitRun } from "../src/runs/accept.ts";

/** A producer of runs for companies of its own, with a look at how long they waited. */
export interface Crowd {
  readonly database: Database;
  /** A new company's way to submit: instant runs of the provider that does nothing, or of `true` on this machine. */
  company(name: string, commands?: "instant" | "local"): Promise<{ readonly id: string; submit(count?: number): Promise<void> }>;
  count(where: ReturnType<typeof sql>): Promise<number>;
  /** Milliseconds from accepted to command started, of a company's runs that have started, in the order of being accepted. */
  waits(companyId: string): Promise<number[]>;
  close(): Promise<void>;
}

/** Submissions under way at once. */
const width = 16;

export function openCrowd(fleet: LocalFleet): Crowd {
  const database = openDatabase(fleet.config.databaseUrl ?? "", { name: "bench", max: width });
  const bells: QueueBells = openBells({ url: fleet.config.redisUrl ?? "", prefix: fleet.config.queuePrefix }, pino({ level: "silent" }));
  const { db } = database;
  return {
    database,
    company: async (name, commands = "instant") => {
      const { id } = await ensureCompany(db, `${name} ${randomUUID()}`);
      const environment =
        commands === "local"
          ? undefined
          : await insertEnvironment(db, id, {
              name: "instant",
              description: null,
              driver: "sandbox",
              backend: "sandbox-fake",
              config: { provider: "fake", commands: "instant" },
              envVars: {},
              maxLeases: null,
              metadata: {},
            });
      const request = { command: ["true"], queueTimeoutMs: 24 * 3_600_000, ...(environment === undefined ? {} : { environment: { agent: environment.id } }) };
      return {
        id,
        submit: async (count = 1) => {
          let left = count;
          await Promise.all(
            Array.from({ length: Math.min(width, count) }, async () => {
              while (left-- > 0) await submitRun({ db, bells }, id, randomUUID(), request);
            }),
          );
        },
      };
    },
    count: async (where) => Number([...(await db.execute(sql`select count(*)::int as n from runs where ${where}`))][0]?.["n"]),
    waits: async (companyId) =>
      [
        ...(await db.execute(sql`select extract(epoch from x.started_at - r.created_at)::float8 * 1000 as ms from runs r join executions x on x.run_id = r.id
          where r.company_id = ${companyId} and x.started_at is not null order by r.created_at`)),
      ].map((row) => Number(row["ms"])),
    close: async () => {
      await bells.close();
      await database.close();
    },
  };
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
