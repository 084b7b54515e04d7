import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type SQL, sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endCalm } from "../support/calm.ts";
import { hostIdentity } from "../../src/app/host-identity.ts";
import { listLeaseEvents } from "../../src/db/lease-list.ts";
import { findLease } from "../../src/db/leases.ts";
import { openBells } from "../../queues/bells.ts";
import { openReaper } from "../../workers/reaper.ts";
import { timing } from "../../src/domain/defaults.ts";
import { purge, sweep } from "../../src/leases/sweep.ts";
import { eventually } from "../support/eventually.ts";
import { leftovers } from "../support/fleet.ts";
import { insertLeaseIn } from "../support/lease-rows.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { untilThere } from "../support/shell.ts";

let stack: Stack;
beforeEach(async () => {
  stack = await startStack();
});
afterEach(() => stack.close());

const db = () => stack.base.database.db;
const past = new Date(Date.now() - 3_600_000);

describe("after an outage", () => {
  it("I13: nothing expires until the living have had a lease's life to renew", async () => {
    const lease = await insertLeaseIn(db(), stack.companyId, { state: "active", patch: { expiresAt: past } });
    await db().execute(sql`update installation set fleet_tick = clock_timestamp() - interval '1 hour'`);
    expect(await stack.sweep()).toMatchObject({ calm: true, expired: 0 });
    expect(await stack.sweep()).toMatchObject({ calm: true, expired: 0 });
    expect((await findLease(db(), lease.id))?.state).toBe("active");
    await endCalm(db());
    expect(await stack.sweep()).toMatchObject({ calm: false, expired: 1 });
    expect((await findLease(db(), lease.id))?.state).toBe("releasing");
  });

  it("I13: a database clock that jumps ahead, or back, is an outage too", async () => {
    await insertLeaseIn(db(), stack.companyId, { state: "active", patch: { expiresAt: past } });
    await db().execute(sql`update installation set fleet_tick = clock_timestamp() + interval '1 hour'`);
    expect(await stack.sweep()).toMatchObject({ calm: true, expired: 0 });
  });

  it("I13: nor does anything while Redis is away, for nobody can be rung to follow and renew", async () => {
    const lease = await insertLeaseIn(db(), stack.companyId, { state: "active", patch: { expiresAt: past } });
    const tick = async () => [...(await db().execute(sql`select fleet_tick from installation`))][0]?.["fleet_tick"];
    const before = await tick();
    const nowhere = { url: "redis://127.0.0.1:1", prefix: stack.config.queuePrefix };
    const deaf = openReaper({ db: db(), bells: openBells(nowhere, stack.base.log), log: stack.base.log, who: "deaf" }, nowhere, stack.base.log);
    await eventually(async () => expect(await tick()).not.toBe(before));
    const swept = await tick();
    await eventually(async () => expect(await tick()).not.toBe(swept));
    expect((await findLease(db(), lease.id))?.state).toBe("active");
    const hearing = openReaper({ db: db(), bells: stack.base.bells, log: stack.base.log, who: "hearing" }, stack.base.redis, stack.base.log);
    await eventually(async () => expect((await findLease(db(), lease.id))?.state).toBe("releasing"));
    await Promise.all([deaf.close(), hearing.close()]);
  });

  it("I13: nor does a sweep end anything that was under way when the machine slept: what it read before says nothing any more", async () => {
    const later = new Date(Date.now() + 3_600_000);
    const waiting = { queueDeadline: later, maxExpiresAt: later };
    const living = await insertLeaseIn(db(), stack.companyId, { state: "active", patch: { expiresAt: later } });
    const queued = await insertLeaseIn(db(), stack.companyId, { state: "requested", patch: waiting });
    const run = await stack.submit({ command: ["true"] });
    /** As if everything but the rows had stood still for two hours, right after the sweep's tick. */
    const sleep = async (): Promise<void> => {
      const slept = sql`interval '2 hours'`;
      await db().execute(sql`update installation set fleet_tick = fleet_tick - ${slept}, calm_until = calm_until - ${slept}`);
      await db().execute(sql`update environment_leases set expires_at = expires_at - ${slept}, queue_deadline = queue_deadline - ${slept}`);
      await db().execute(sql`update runs set deadline = clock_timestamp() - ${slept}`);
    };
    let slept: Promise<void> | null = null;
    const sleepy = new Proxy(db(), {
      get: (target, name, receiver) =>
        name !== "execute"
          ? (Reflect.get(target, name, receiver) as unknown)
          : async (statement: SQL) => {
              await slept;
              const rows = await target.execute(statement);
              slept ??= sleep();
              await slept;
              return rows;
            },
    });
    const swept = await sweep({ db: sleepy, bells: stack.base.bells, log: stack.base.log, who: "sleepy" });
    expect(swept).toMatchObject({ expired: 0, timedOut: 0, overdue: 0 });
    expect((await findLease(db(), living.id))?.state).toBe("active");
    expect((await findLease(db(), queued.id))?.state).toBe("requested");
    expect((await stack.situation(run.id)).run.overdue).toBe(false);
    // The next one sees that time is missing.
    expect(await stack.sweep()).toMatchObject({ calm: true, expired: 0 });
  });

  it("I13: the calm of a clock that was ahead does not last", async () => {
    await db().execute(sql`update installation set calm_until = clock_timestamp() + interval '10 years'`);
    await stack.sweep();
    const [row] = [...(await db().execute(sql`select calm_until <= clock_timestamp() + make_interval(secs => ${timing.leaseLife / 1000}) as bounded from installation`))];
    expect(row).toEqual({ bounded: true });
  });
});

describe("what is overdue", () => {
  it("I4: a lease nobody could take in time fails, and its run ends as not started", async () => {
    await stack.worker({ backends: [] });
    const run = await stack.submit({ command: ["true"] });
    await eventually(async () => expect((await stack.situation(run.id)).run.phase).toBe("acquiring"));
    await db().execute(sql`update environment_leases set queue_deadline = ${past.toISOString()}::timestamptz`);
    const { run: ended, lease } = await stack.ended(run.id);
    expect(ended.outcome).toMatchObject({ kind: "not_started", reason: "lease_acquire_failed", message: "no place became free in time" });
    expect(lease).toMatchObject({ state: "failed", fence: 0 });
  });

  it("I4: a run that stays in a phase beyond its time is ended", async () => {
    await stack.worker({ backends: [] });
    const run = await stack.submit({ command: ["true"] });
    await eventually(async () => expect((await stack.situation(run.id)).run.phase).toBe("acquiring"));
    await db().execute(sql`update runs set deadline = ${past.toISOString()}::timestamptz`);
    expect((await stack.ended(run.id)).run.outcome).toMatchObject({ kind: "not_started", reason: "queue_timeout" });
  });

  it("I4: an acquire that takes too long is released, though its claimer has the claim", async () => {
    const lease = await insertLeaseIn(db(), stack.companyId, { state: "acquiring", claim: { owner: "slow", token: crypto.randomUUID() }, patch: { acquireDeadline: past } });
    expect(await stack.sweep()).toMatchObject({ timedOut: 1 });
    expect(await findLease(db(), lease.id)).toMatchObject({ state: "releasing", ending: "failed", fence: lease.fence + 1, claimToken: null });
  });

  it("I4: a release that nobody comes for is stuck, and said so; a worker that comes back closes it at once", async () => {
    const { id: host } = await hostIdentity(stack.config.dataDir);
    const lease = await insertLeaseIn(db(), stack.companyId, { state: "releasing", patch: { releasingSince: past, dueAt: past, host } });
    await db().execute(sql`update installation set calm_until = clock_timestamp() + interval '10 seconds'`);
    expect(await stack.sweep()).toMatchObject({ calm: true, stuck: 0 });
    await db().execute(sql`update installation set calm_until = ${past.toISOString()}::timestamptz`);
    expect(await stack.sweep()).toMatchObject({ stuck: 1 });
    expect(await findLease(db(), lease.id)).toMatchObject({ state: "stuck", failureReason: "host_lost" });
    await stack.worker();
    await eventually(async () => {
      await stack.sweep();
      expect((await findLease(db(), lease.id))?.state).toBe("released");
    });
    expect((await listLeaseEvents(db(), lease.id)).map((e) => e.event)).toEqual(["abandon", "retry", "claim_release", "cleaned"]);
  });

  it("many sweeps at once do each thing once", async () => {
    const leases = await Promise.all(Array.from({ length: 30 }, () => insertLeaseIn(db(), stack.companyId, { state: "active", patch: { expiresAt: past } })));
    const swept = await Promise.all(Array.from({ length: 5 }, () => stack.sweep()));
    expect(swept.reduce((n, s) => n + s.expired, 0)).toBe(30);
    for (const lease of leases) expect(await listLeaseEvents(db(), lease.id)).toHaveLength(1);
  });
});

describe("a release that cannot work", () => {
  it("I4: is stuck at once when it needs a human, ends the run's wait, and works once it is mended", async () => {
    await stack.worker();
    const go = join(stack.config.dataDir, "go");
    const run = await stack.submit({ command: ["sh", "-c", untilThere('"$GO"')], env: { GO: go } });
    const { lease } = await eventually(async () => {
      const now = await stack.situation(run.id);
      if (now.execution?.state !== "running") throw new Error(now.run.phase);
      return now;
    });
    // Somebody else's name on the resource: never taken, never removed.
    const marker = join(stack.config.dataDir, "leases", lease?.id ?? "", "control", "marker");
    const ours = await readFile(marker, "utf8");
    await writeFile(marker, ours.replace(/"installation":\s*"[^"]+"/, '"installation":"11111111-1111-4111-8111-111111111111"'));
    await writeFile(go, "");
    const { run: ended, lease: stuck } = await stack.ended(run.id);
    expect(ended.outcome).toEqual({ kind: "exited", code: 0 });
    expect(stuck).toMatchObject({ state: "stuck", ending: "released", failureReason: expect.stringContaining("our marker") as string });
    await writeFile(marker, ours);
    await db().execute(sql`update environment_leases set due_at = ${past.toISOString()}::timestamptz where id = ${lease?.id}`);
    await eventually(async () => {
      await stack.sweep();
      expect((await findLease(db(), lease?.id ?? ""))?.state).toBe("released");
    });
    await eventually(async () => expect(await leftovers(stack.config.dataDir)).toEqual([]));
  });
});

describe("purge", () => {
  it("deletes what ended long ago with everything that belongs to it, and nothing else", async () => {
    await stack.worker();
    const [old, recent] = await Promise.all([stack.submit({ command: ["echo", "old"] }), stack.submit({ command: ["echo", "new"] })]);
    await Promise.all([stack.ended(old.id), stack.ended(recent.id)]);
    await db().execute(sql`update runs set ended_at = ended_at - interval '31 days' where id = ${old.id}`);
    await db().execute(sql`update environment_leases set released_at = released_at - interval '31 days' where heartbeat_run_id = ${old.id}`);
    await db().execute(sql`update activity_log set at = at - interval '31 days' where run_id = ${old.id}`);
    const fleet = { db: db(), bells: stack.base.bells, log: stack.base.log, who: "test" };
    expect(await purge(fleet)).toEqual({ runs: 1, leases: 1, activity: 2, secrets: 0, accesses: 0 });
    expect(await purge(fleet)).toEqual({ runs: 0, leases: 0, activity: 0, secrets: 0, accesses: 0 });
    const [left] = [...(await db().execute(sql`select (select count(*)::int from runs) as runs, (select count(*)::int from environment_leases) as leases,
      (select count(*)::int from executions) as executions, (select count(distinct execution_id)::int from execution_output) as outputs`))];
    expect(left).toEqual({ runs: 1, leases: 1, executions: 1, outputs: 1 });
  });
});
