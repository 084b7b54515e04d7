import { sql } from "drizzle-orm";
import { type Database, openDatabase } from "../src/db/client.ts";
import type { LocalFleet } from "../src/app/up/fleet.ts";
import { Leasehold } from "../src/client/index.ts";
import { timing } from "../src/domain/defaults.ts";
import { type Bench, ms, percentile } from "./scenario.ts";

const runs = 30;
const rounds = 4;

/** From the SIGKILL of a worker until another one has each of the commands that it followed; beside the time a claim lives. */
export const takeover: Bench = async (fleet) => {
  const leasehold = new Leasehold({ url: fleet.url, token: fleet.token });
  const database = openDatabase(fleet.config.databaseUrl ?? "", { name: "bench", max: 2 });
  const local = await localEnvironment(leasehold);
  const ids = await Promise.all(Array.from({ length: runs }, async () => (await leasehold.runs.create({ command: ["sleep", "600"], ...local })).id));
  try {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) times.push(...(await takenOver(fleet, database, ids)));
    const p = (part: number) => percentile(times, part);
    const raw = `${timing.claim} ms claim`;
    return [
      { what: `takeover after SIGKILL, p50 of ${times.length}`, measured: ms(p(0.5)), raw, ratio: p(0.5) / timing.claim },
      { what: "takeover after SIGKILL, p99", measured: ms(p(0.99)), raw, ratio: p(0.99) / timing.claim },
    ];
  } finally {
    await Promise.all(ids.map(async (id) => {
      await leasehold.runs.cancel(id);
      await leasehold.runs.wait(id);
    }));
    await database.close();
  }
};

async function localEnvironment(leasehold: Leasehold): Promise<{ environment?: { agent: string } }> {
  for await (const { id, driver } of leasehold.environments.list()) if (driver === "local") return { environment: { agent: id } };
  return {};
}

/** Kills the worker that follows the most commands; milliseconds until each of them is followed again. */
async function takenOver(fleet: LocalFleet, database: Database, ids: readonly string[]): Promise<number[]> {
  const owners = await whenAllFollowed(database, ids);
  const counts = fleet.workers.map((worker) => ({ pid: worker.pid ?? 0, held: [...owners.values()].filter(({ pid }) => pid === worker.pid).length }));
  const victim = counts.toSorted((a, b) => b.held - a.held)[0]?.pid ?? 0;
  const waiting = new Map([...owners].filter(([, { pid }]) => pid === victim));
  process.kill(victim, "SIGKILL");
  const at = performance.now();
  const times: number[] = [];
  while (waiting.size > 0) {
    const now = await followers(database, [...waiting.keys()]);
    for (const [id, { offer }] of now) {
      if (offer === waiting.get(id)?.offer) continue;
      waiting.delete(id);
      times.push(performance.now() - at);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return times;
}

type Followers = Map<string, { pid: number; offer: number }>;

async function whenAllFollowed(database: Database, ids: readonly string[]): Promise<Followers> {
  for (;;) {
    const now = await followers(database, ids);
    if (now.size === ids.length) return now;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Who follows which running command, by run. */
async function followers({ db }: Database, ids: readonly string[]): Promise<Followers> {
  const rows = await db.execute(sql`select run_id, claim_owner, offer from executions
    where run_id = any(${sql.param(`{${ids.join(",")}}`)}::uuid[]) and state = 'running' and claim_until > clock_timestamp()`);
  return new Map(rows.map((row) => [String(row["run_id"]), { pid: Number(String(row["claim_owner"]).split(" ")[2]), offer: Number(row["offer"]) }]));
}
