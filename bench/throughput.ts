import { sql } from "drizzle-orm";
import { randomUUID } from "node:crypto";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { openDatabase } from "../src/db/client.ts";
import { openBells } from "../queues/bells.ts";
import { submitRun } from "../src/runs/accept.ts";
import { pino } from "pino";
import { type Bench, timed } from "./scenario.ts";

const run = promisify(execFile);
const count = 300;

/** Many runs of `true` at once, until the last is given back; beside spawning as many with as much concurrency. */
export const throughput: Bench = async (fleet) => {
  const raw = await timed(async () => {
    let left = count;
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (left-- > 0) await run("true");
      }),
    );
  });
  const database = openDatabase(fleet.config.databaseUrl ?? "", { name: "bench" });
  const bells = openBells({ url: fleet.config.redisUrl ?? "", prefix: fleet.config.queuePrefix }, pino({ level: "silent" }));
  const open = async (): Promise<number> => {
    const [row] = await database.db.execute(sql`select count(*)::int as n from runs where phase <> 'ended'`);
    return Number(row?.["n"]);
  };
  const accept = await timed(() => Promise.all(Array.from({ length: count }, () => submitRun({ db: database.db, bells }, fleet.companyId, randomUUID(), { command: ["true"] }))));
  const whole =
    accept +
    (await timed(async () => {
      while ((await open()) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }));
  await bells.close();
  await database.close();
  return [
    { what: `${count} runs at once`, measured: `${(count / (whole / 1000)).toFixed(1)} runs/s`, raw: `${(count / (raw / 1000)).toFixed(0)} spawns/s`, ratio: raw / whole },
    { what: "  of which accepting", measured: `${(count / (accept / 1000)).toFixed(0)} runs/s` },
  ];
};
