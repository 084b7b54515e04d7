import { Queue } from "bullmq";
import { sql } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { catalog } from "../../queues/catalog.ts";
import { openPatientConnection } from "../../queues/connection.ts";
import { ensureCompany, setCompanyLimit } from "../../src/db/companies.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { acceptedCause } from "../../src/domain/bells.ts";
import { limits } from "../../src/domain/defaults.ts";
import { acceptRun, submitRun } from "../../src/runs/accept.ts";
import { eventually } from "../support/eventually.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { mostAtOnce } from "../support/slot-history.ts";
import { fakeEnvironment, startStack } from "../support/stack.ts";

const rowsOf = async (db: TestFleet["base"]["database"]["db"], query: ReturnType<typeof sql>) => [...(await db.execute(query))];

describe("a company that floods the fleet", () => {
  it("another's runs are taken in turn, whatever waits before them", async () => {
    const stack = await startStack();
    try {
      const { db } = stack.base.database;
      const flood = 60;
      const one = await stack.fakeEnvironment({ commands: "instant" });
      await Promise.all(Array.from({ length: flood }, () => stack.submit({ command: ["true"], environment: { project: one } })));
      const workers = ["sandbox-fake"];
      await Promise.all([stack.worker({ backends: workers }), stack.worker({ backends: workers })]);
      await eventually(async () => expect(await rowsOf(db, sql`select 1 from runs where phase = 'ended' limit 1`)).toHaveLength(1), { timeoutMs: 45_000 });
      const other = await ensureCompany(db, "other");
      const two = await insertEnvironment(db, other.id, fakeEnvironment({ commands: "instant" }));
      const few = 5;
      await Promise.all(Array.from({ length: few }, (_, i) => submitRun({ db, bells: stack.base.bells }, other.id, `run-${i}`, { command: ["true"], environment: { project: two.id } })));
      await eventually(
        async () => {
          await stack.sweep();
          expect(await rowsOf(db, sql`select 1 from runs where company_id = ${other.id} and phase = 'ended'`)).toHaveLength(few);
        },
        { timeoutMs: 50_000 },
      );
      // While a lease of the other waits, the flood gets a turn only after the other had one: between two claims at most one of its own.
      const claims = await rowsOf(
        db,
        sql`select l.company_id = ${other.id} as other, e.at::text as at, l.requested_at::text as requested
            from environment_leases l join lease_events e on e.lease_id = l.id and e.event = 'claim' and e.fence = 1 order by e.at`,
      );
      const text = (row: Record<string, unknown> | undefined, name: string): string => (row?.[name] as string | undefined) ?? "";
      const others = claims.filter((claim) => claim["other"] === true);
      expect(others).toHaveLength(few);
      for (const [i, claim] of others.entries()) {
        const since = [text(claim, "requested"), text(others[i - 1], "at")].sort().at(-1) ?? "";
        const between = claims.filter((one) => one["other"] === false && text(one, "at") > since && text(one, "at") < text(claim, "at"));
        // One whose statement had begun when the other's request was committed, and one in turn.
        expect(between.length, `before claim ${i} of the other`).toBeLessThanOrEqual(2);
      }
    } finally {
      await stack.close();
    }
  });
});

it("I4: a run that was rung for far behind is rung for at the place that it has come to, before what others ring for meanwhile", async () => {
  const stack = await startStack();
  const connection = openPatientConnection(stack.base.redis, () => {});
  const queue = new Queue(catalog.run.queue(), { connection, prefix: stack.base.redis.prefix });
  try {
    const { db } = stack.base.database;
    const { run } = await acceptRun(db, stack.companyId, "late", { command: ["true"] });
    await stack.base.bells.run(run.id, acceptedCause, limits.runRank);
    await stack.base.bells.run("019a0000-0000-7000-8000-000000000000", acceptedCause, 2);
    await db.execute(sql`update runs set due_at = clock_timestamp() - interval '1 second' where id = ${run.id}`);
    await stack.sweep();
    const first = (await queue.getPrioritized())[0];
    expect([first?.data, first?.opts.priority]).toEqual([{ v: 1, run: run.id }, 1]);
  } finally {
    await queue.close();
    connection.disconnect();
    await stack.close();
  }
});

describe("a company's limit over several workers", () => {
  it("I3, I4: never more than it over all environments, though releases fail and a worker is killed; all end", async () => {
    const fleet = await startTestFleet();
    try {
      const { db } = fleet.base.database;
      await setCompanyLimit(db, "test", 3);
      const fails = { faults: [{ verb: "release", call: 1, fault: "fail", kind: "transient" }] };
      const { id: a } = await insertEnvironment(db, fleet.companyId, fakeEnvironment(fails));
      const { id: b } = await insertEnvironment(db, fleet.companyId, fakeEnvironment({}, 2));
      const count = 16;
      const runs = await Promise.all(Array.from({ length: count }, (_, i) => fleet.submit({ command: ["sleep", "0.3"], environment: { project: i % 2 === 0 ? a : b } })));
      await fleet.reaper();
      const workers = await Promise.all([1, 2, 3].map(() => fleet.worker("sandbox-fake")));
      await eventually(async () => {
        const [row] = await rowsOf(db, sql`select claim_owner as owner from executions where state = 'running' and claim_until > clock_timestamp() and (select count(*) from runs where phase = 'ended') >= 2 limit 1`);
        const victim = workers.find((worker) => String(row?.["owner"]).includes(` ${worker.pid} `));
        if (victim === undefined) throw new Error("nobody executes");
        victim.signal("SIGKILL");
      });
      for (const run of runs) expect((await fleet.ended(run.id, 90_000)).run.outcome).toEqual({ kind: "exited", code: 0 });
      await eventually(async () => expect(await rowsOf(db, sql`select 1 from environment_leases where released_at is null`)).toEqual([]), { timeoutMs: 60_000 });
      expect(await mostAtOnce(db, sql`l.company_id = ${fleet.companyId}`)).toBe(3);
      expect(await mostAtOnce(db, sql`l.environment_id = ${b}`)).toBeLessThanOrEqual(2);
    } finally {
      await fleet.close();
    }
  }, 180_000);
});
