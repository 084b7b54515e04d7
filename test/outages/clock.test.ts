import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { insertEnvironment } from "../../src/db/environments.ts";
import { rowsOf } from "../../src/db/rows.ts";
import { endCalm } from "../support/calm.ts";
import { eventually } from "../support/eventually.ts";
import { testClock, type TestClock } from "../support/faketime.ts";
import { startTestFleetOn, type TestFleet } from "../support/fleet.ts";
import { ownServices } from "../support/own-services.ts";
import { Living, nothingLeft, printed, provenRun, ticker } from "../support/ticker.ts";

const hour = 3600;
let folder: string;
let ofDatabase: TestClock;
let ofWorker: TestClock;
let fleet: TestFleet;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "leasehold-clock-"));
  ofDatabase = await testClock(join(folder, "database"));
  ofWorker = await testClock(join(folder, "worker"));
  fleet = await startTestFleetOn(ownServices(ofDatabase.env));
  await Promise.all([fleet.reaper(), fleet.reaper(), fleet.worker("local", { env: ofWorker.env })]);
});
afterAll(async () => {
  await fleet.close();
  await rm(folder, { recursive: true, force: true });
});

const one = async (query: ReturnType<typeof sql>): Promise<Record<string, unknown>> => (await rowsOf(fleet.base.database.db, query))[0] ?? {};
/** How far the database's clock is from ours, in seconds. */
const offset = async (): Promise<number> => Number((await one(sql`select extract(epoch from clock_timestamp())::float8 as s`))["s"]) - Date.now() / 1000;
/** Sets the database's clock, and settles when every reaper has ticked by it: one that gets no job sweeps by itself within three seconds. */
async function set(seconds: number): Promise<void> {
  await ofDatabase.set(seconds);
  await eventually(async () => expect(Math.abs((await offset()) - seconds)).toBeLessThan(5));
  const { at } = await one(sql`select clock_timestamp()::text as at`);
  await eventually(async () => expect(await one(sql`select fleet_tick between ${at}::timestamptz + interval '4 seconds' and clock_timestamp() as ticked from installation`)).toEqual({ ticked: true }));
}
/** Seconds until moments of a run, by the database's clock. */
const left = (runId: string) =>
  one(sql`select extract(epoch from r.deadline - clock_timestamp())::int as deadline, extract(epoch from l.expires_at - clock_timestamp())::int as expiry,
      extract(epoch from l.max_expires_at - clock_timestamp())::int as hard_end, extract(epoch from l.queue_deadline - clock_timestamp())::int as queue,
      extract(epoch from clock_timestamp() - x.started_at)::int as ran
    from runs r left join environment_leases l on l.id = r.lease_id left join executions x on x.run_id = r.id where r.id = ${runId}`) as Promise<Record<"deadline" | "expiry" | "hard_end" | "queue" | "ran", number>>;

async function followed(runId: string): Promise<void> {
  const { execution } = await fleet.situation(runId);
  await fleet.until(runId, printed((execution?.stdoutBytes ?? 0) + 1));
}

describe("I4, I13: a clock that is set", () => {
  it("the database's, by hours to and fro: nothing living is expired or timed out, what waits goes on, what is overdue is closed after the calm", async () => {
    const { db } = fleet.base.database;
    await insertEnvironment(db, fleet.companyId, { name: "Local", description: null, driver: "local", backend: "local", config: {}, envVars: {}, maxLeases: 1, metadata: {} });
    // Its time is shorter than the clock is set by.
    const living = await Living.start(fleet, { timeoutMs: 1800_000 });
    const waiting = await fleet.submit({ command: ticker(3), queueTimeoutMs: 1800_000 });
    await fleet.until(waiting.id, (now) => now.lease?.state === "requested");
    const before = { living: await left(living.runId), waiting: await left(waiting.id) };

    await set(3 * hour);
    await followed(living.runId);
    const after = { living: await left(living.runId), waiting: await left(waiting.id) };
    for (const moment of ["deadline", "hard_end"] as const) expect(Math.abs(after.living[moment] - before.living[moment])).toBeLessThan(60);
    for (const moment of ["deadline", "queue", "hard_end"] as const) expect(Math.abs(after.waiting[moment] - before.waiting[moment])).toBeLessThan(60);
    expect(after.living.expiry).toBeGreaterThan(60);
    expect(after.living.ran).toBeLessThan(120);
    // Without the calm, so that only what the deadlines themselves say keeps it alive.
    await endCalm(db);
    await followed(living.runId);

    // A worker's death does not go unnoticed for as long as the clock is set back.
    const worker = await fleet.executor(living.runId);
    worker.signal("SIGSTOP");
    await set(hour);
    worker.signal("SIGKILL");
    await worker.gone;
    await fleet.worker("local", { env: ofWorker.env });
    await followed(living.runId);
    expect((await left(living.runId)).ran).toBeLessThan(120);
    expect((await fleet.situation(waiting.id)).lease?.state).toBe("requested");
    await endCalm(db);

    // What is overdue is closed as ever: nobody renews this one.
    const doomed = await one(sql`insert into environment_leases (id, company_id, status, lease_policy, backend, provider, resource_key, fence, handle, queue_deadline, acquired_at, expires_at, max_expires_at)
      select gen_random_uuid(), company_id, 'active', 'ephemeral', backend, provider, gen_random_uuid(), 1, handle, clock_timestamp(), clock_timestamp(), clock_timestamp() - interval '1 second', clock_timestamp() + interval '1 hour'
      from environment_leases where heartbeat_run_id = ${living.runId} returning id`);
    await eventually(async () => expect(await one(sql`select ending from environment_leases where id = ${doomed["id"]}`)).toEqual({ ending: "expired" }));

    await living.end();
    const ended = await provenRun(fleet, living.runId);
    expect(ended.execution?.offer).toBeGreaterThan(1);
    await provenRun(fleet, waiting.id);
    await nothingLeft(fleet);
  });

  it("a worker's own, by an hour to and fro: it means nothing", async () => {
    await fleet.base.database.db.execute(sql`update environments set max_leases = null`);
    const living = await Living.start(fleet);
    for (const seconds of [hour, -hour]) {
      await ofWorker.set(seconds);
      await followed(living.runId);
      await provenRun(fleet, (await fleet.submit({ command: ticker(3) })).id);
    }
    await living.end();
    expect((await provenRun(fleet, living.runId)).execution?.offer).toBe(1);
    await nothingLeft(fleet);
  });
});
