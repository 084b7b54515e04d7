import { test, expect } from "vitest";
import { sql } from "drizzle-orm";
import { setTimeout as sleep } from "node:timers/promises";
import { startStack } from "./support/stack.ts";
import { eventually } from "./support/eventually.ts";
import { openBells } from "../queues/bells.ts";
import { openWorkers } from "../workers/host.ts";
import { quietLog } from "./support/quiet-log.ts";
import { insertLeaseIn } from "./support/lease-rows.ts";
import { findLease } from "../src/db/leases.ts";
import { advanceRun } from "../src/runs/advance.ts";
import { claimStep, endStep } from "../src/db/runs.ts";
import { newClaim } from "../src/domain/claim.ts";
import { acceptRun } from "../src/runs/accept.ts";
import { Queue } from "bullmq";
import { inject } from "vitest";

const T = 60_000;

test("A abandon after outage", async () => {
  const s = await startStack();
  const db = s.base.database.db;
  const lease = await insertLeaseIn(db, s.companyId, { state: "releasing" });
  await db.execute(sql`update environment_leases set updated_at = clock_timestamp() - interval '2 hours', due_at = clock_timestamp() - interval '2 hours' where id = ${lease.id}`);
  await db.execute(sql`update installation set fleet_tick = clock_timestamp() - interval '2 hours'`);
  const swept = await s.sweep();
  const now = await findLease(db, lease.id);
  console.log("A", swept, now?.state, now?.failureReason, now?.dueAt);
  await s.close();
}, T);

test("B realize wedge", async () => {
  const s = await startStack();
  const db = s.base.database.db;
  const run = await s.submit({ command: ["true"], workspace: { kind: "host_path", path: "/tmp" } });
  const fleet = { db, bells: s.base.bells, log: s.base.log, who: "t" };
  await advanceRun(fleet, run.id);
  await db.execute(sql`update environment_leases set status='active', fence=1, handle='{"v":1}', acquired_at=clock_timestamp(), expires_at=clock_timestamp()+interval '1 hour' where heartbeat_run_id=${run.id}`);
  const a1 = await advanceRun(fleet, run.id);
  console.log("B first", a1.steps);
  const claim = newClaim("w");
  const r = await claimStep(db, run.id, "realizing", claim);
  console.log("B claimed", r?.offer);
  // worker dies; claim lapses
  await db.execute(sql`update runs set claim_until = clock_timestamp() - interval '1 minute', due_at = clock_timestamp() - interval '1 minute' where id=${run.id}`);
  const swept = await s.sweep();
  const a2 = await advanceRun(fleet, run.id);
  console.log("B after lapse", swept.rung, a2);
  // again with backoff
  const c2 = newClaim("w");
  const r2 = await claimStep(db, run.id, "realizing", c2);
  await endStep(db, r2!, c2, { kind: "again", afterMs: 60_000 });
  const a3 = await advanceRun(fleet, run.id);
  console.log("B after again(60s): rung at once?", a3.steps.length);
  await s.close();
}, T);

test("C host.close with a job that hangs", async () => {
  const s = await startStack();
  const address = { url: inject("redisUrl"), prefix: s.config.queuePrefix };
  let started = false;
  const host = openWorkers(address, [{ queue: "zz", concurrency: 1, processor: async () => { started = true; await sleep(25_000); return "x"; } }], quietLog);
  const bellq = new Queue("zz", { connection: { url: inject("redisUrl") } as never, prefix: s.config.queuePrefix });
  await bellq.add("x", {});
  await eventually(() => { if (!started) throw new Error("no"); });
  const t = performance.now();
  await Promise.race([host.close(500), sleep(8000)]);
  console.log("C close(500) took", Math.round(performance.now() - t), "(8000 = never returned)");
  await bellq.close();
  await s.close();
}, T);

test("D bells with Redis down", async () => {
  const bells = openBells({ url: "redis://127.0.0.1:1", prefix: "{x}" }, quietLog);
  await sleep(300);
  for (let i = 0; i < 3; i++) {
    const t = performance.now();
    await bells.run("00000000-0000-7000-8000-000000000000", `c${i}`);
    console.log("D run bell took", Math.round(performance.now() - t));
  }
  const t = performance.now();
  await bells.step({ verb: "acquire", backend: "local", host: null, cause: "due" });
  console.log("D step bell took", Math.round(performance.now() - t));
  const t2 = performance.now();
  await Promise.race([bells.close(), sleep(10_000)]);
  console.log("D close took", Math.round(performance.now() - t2));
}, T);

test("E surrogates", async () => {
  const s = await startStack();
  const out = await acceptRun(s.base.database.db, s.companyId, "k1", { command: ["echo", "\ud800"] }).then((r) => `ok ${JSON.stringify(r.run.request.command)}`, (e) => `${e.name} kind=${e.kind} ${String(e.cause ?? e).slice(0, 200)}`);
  console.log("E", out);
  await s.close();
}, T);

test("F tree job errors", async () => {
  const s = await startStack();
  const errors: string[] = [];
  await s.worker();
  const origin = s.base.log;
  const run = await s.submit({ command: ["true"] });
  const end = await s.ended(run.id);
  console.log("F", end.run.outcome, origin.level);
  const q = new Queue("runs", { connection: { url: inject("redisUrl") } as never, prefix: s.config.queuePrefix });
  await sleep(500);
  console.log("F", await q.getJobCounts(), (await q.getFailed()).map((j) => j.failedReason), errors);
  await q.close();
  await s.close();
}, T);
