import { randomUUID } from "node:crypto";
import { type Job, Queue } from "bullmq";
import { sql } from "drizzle-orm";
import { expect } from "vitest";
import { catalog } from "../../../queues/catalog.ts";
import { openPatientConnection } from "../../../queues/connection.ts";
import { insertExecution } from "../../../src/db/executions.ts";
import { beatWorker } from "../../../src/db/workers.ts";
import { newId } from "../../../src/domain/ids.ts";
import { acceptRun } from "../../../src/runs/accept.ts";
import { endCalm } from "../../support/calm.ts";
import { eventually } from "../../support/eventually.ts";
import { insertLeaseIn } from "../../support/lease-rows.ts";
import type { Stack } from "../../support/stack.ts";
import type { Rows } from "./observe.ts";
import type { Scenario } from "./scenarios.ts";

const past = sql`clock_timestamp() - interval '1 hour'` as never;
const minute = sql`clock_timestamp() + interval '1 minute'` as never;

/** What a sweep has to do once, by lease; told by the lease's events. */
const moves = ["expire", "timeout", "timeout", "abandon", "retry"];

/** One thing of each kind that a sweep looks for. Nobody answers its bells: they are counted. */
async function oneOfEach(stack: Stack): Promise<void> {
  const { db } = stack.base.database;
  const lease = (state: Parameters<typeof insertLeaseIn>[2]["state"], patch: Record<string, unknown>) => insertLeaseIn(db, stack.companyId, { state, patch });
  const run = async (set: ReturnType<typeof sql>): Promise<string> => {
    const made = await acceptRun(db, stack.companyId, randomUUID(), { command: ["true"] });
    await db.execute(sql`update runs set ${set} where id = ${made.run.id}`);
    return made.run.id;
  };
  await run(sql`due_at = ${past}`);
  await run(sql`due_at = null, deadline = ${past}`);
  const expired = await lease("active", { expiresAt: past });
  await ownedBy(await run(sql`due_at = null, phase = 'executing', lease_id = ${expired.id}`), expired.id);
  const renewed = await lease("active", { expiresAt: minute });
  await ownedBy(await run(sql`due_at = null, phase = 'acquiring', lease_id = ${renewed.id}`), renewed.id);
  await lease("requested", { queueDeadline: past });
  await lease("acquiring", { acquireDeadline: past });
  await lease("releasing", { releasingSince: past });
  await lease("stuck", { dueAt: past });
  await lease("releasing", { dueAt: past, releasingSince: sql`clock_timestamp()` });
  const held = await lease("active", {});
  const execution = await insertExecution(db, { id: newId(), companyId: stack.companyId, leaseId: held.id, argv: ["true"], envNames: [], timeoutMs: 1000, outputLimit: 1000 });
  await db.execute(sql`update executions set due_at = ${past} where id = ${execution.id}`);
  await lease("requested", {});
  await beatWorker(db, { id: newId(), host: newId(), hostName: "there", pid: 1, version: "0", backends: ["local"] });
  // However slow this machine is: it lives.
  await db.execute(sql`update workers set beat_at = clock_timestamp() + interval '1 hour'`);

  async function ownedBy(runId: string, leaseId: string): Promise<void> {
    await db.execute(sql`update environment_leases set heartbeat_run_id = ${runId} where id = ${leaseId}`);
  }
}

/** Jobs on a queue, by the id that they are about. */
async function rung(stack: Stack, name: string): Promise<readonly string[]> {
  const connection = openPatientConnection(stack.base.redis, () => {});
  const queue = new Queue(name, { connection, prefix: stack.base.redis.prefix });
  try {
    const jobs: Job[] = await queue.getJobs(["waiting", "prioritized"]);
    return [...new Set(jobs.map(({ data }: { data: { run?: string; id?: string } }) => data.run ?? data.id ?? "any"))].toSorted();
  } finally {
    await queue.close();
    connection.disconnect();
  }
}

const ids = async (stack: Stack, query: ReturnType<typeof sql>): Promise<string[]> => [...(await stack.base.database.db.execute(query))].map((row) => String(row["id"])).toSorted();

/** Everything has been done, and everybody who is to come was rung for. */
async function expectSwept(stack: Stack): Promise<void> {
  const { db } = stack.base.database;
  const [now] = await db.execute(sql`select
    (select json_agg(event order by event) from lease_events) as events,
    (select count(*)::int from runs where overdue and version = 1) as overdue,
    (select count(*)::int from environment_leases where status = 'active' and expires_at > clock_timestamp() + interval '90 s' and heartbeat_run_id is not null) as renewed`);
  expect(now).toEqual({ events: moves.toSorted(), overdue: 1, renewed: 1 });
  expect(await rung(stack, catalog.run.queue())).toEqual(await ids(stack, sql`select id from runs where phase <> 'acquiring'`));
  expect(await rung(stack, catalog.release.queue("local", null))).toEqual(await ids(stack, sql`select id from environment_leases where status = 'releasing'`));
  expect(await rung(stack, catalog.execute.queue("local", null))).toEqual(await ids(stack, sql`select id from executions`));
  expect(await rung(stack, catalog.acquire.queue("local", null))).toEqual(["any"]);
}

const words = (events: Rows["events"]): string => [...new Set(events.map(({ event }) => event))].join(", ");

export const reaperScenario: Scenario = {
  mortal: ["reaper"],
  story: "a sweep that has one thing of each kind to do",
  prepare: oneOfEach,
  next: async () => {},
  client: async ({ stack }) =>
    eventually(
      async () => {
        // However slow this machine is: the fleet was never away.
        await endCalm(stack.base.database.db);
        await expectSwept(stack);
      },
      { timeoutMs: 120_000, everyMs: 250 },
    ),
  expected: { runs: [], leases: [], executions: [] },
  check: async ({ stack }, after) => {
    await expectSwept(stack);
    for (const { id } of after.leases) expect(after.events.filter(({ lease }) => lease === id).length, "I4: once each").toBeLessThanOrEqual(1);
    return ["I4", "I5"];
  },
  say: {
    left: (left) => (left.events.length === 0 ? "no lease moved" : `moved: ${words(left.events)}`),
    next: (left, after) => {
      const more = words(after.events.slice(left.events.length));
      return more === "" ? "rings for what is due" : `moves: ${more}; rings for what is due`;
    },
  },
};
