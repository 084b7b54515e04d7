import { randomUUID } from "node:crypto";
import { Queue } from "bullmq";
import { sql } from "drizzle-orm";
import postgres from "postgres";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runProducer } from "../../queues/producer.ts";
import { newId } from "../../src/domain/ids.ts";
import { eventually } from "../support/eventually.ts";
import { startStack, type Stack } from "../support/stack.ts";

let stack: Stack;
let queue: Queue;
beforeEach(async () => {
  stack = await startStack();
  const url = new URL(stack.config.redisUrl ?? "");
  queue = new Queue("runs", { connection: { host: url.hostname, port: Number(url.port), password: url.password }, prefix: stack.config.queuePrefix });
});
afterEach(async () => {
  await queue.close();
  await stack.close();
});

const runOf = (key: string): Promise<string> =>
  eventually(async () => {
    const [row] = [...(await stack.base.database.db.execute(sql`select id from runs where idempotency_key = ${key}`))];
    if (row === undefined) throw new Error(`no run ${key}`);
    return String(row["id"]);
  });

describe("a plain BullMQ producer", () => {
  it("gets its run carried out, once, however often it asks", async () => {
    await stack.worker();
    const key = randomUUID();
    const data = { v: 1, company: stack.companyId, idempotencyKey: key, request: { command: ["echo", "hi"] } };
    for (let i = 0; i < 5; i += 1) await queue.add("run", data);
    const { run } = await stack.ended(await runOf(key));
    expect(run.outcome).toEqual({ kind: "exited", code: 0 });
    const [row] = [...(await stack.base.database.db.execute(sql`select count(*)::int as runs, (select count(*)::int from executions) as executions from runs`))];
    expect(row).toEqual({ runs: 1, executions: 1 });
    await eventually(async () => expect(await queue.getJobCounts("wait", "active", "waiting-children", "failed")).toEqual({ wait: 0, active: 0, "waiting-children": 0, failed: 0 }));
  });

  it("is told in the failed job why its submission cannot work, and blocks nobody", async () => {
    await stack.worker();
    const company = stack.companyId;
    const bad: [string, unknown, string][] = [
      ["nonsense", "nonsense", "payload"],
      ["an unknown version", { v: 2, run: newId() }, "payload"],
      ["an unknown key", { v: 1, company, idempotencyKey: "k1", request: { command: ["true"], comand: 1 } }, "comand"],
      ["no program", { v: 1, company, idempotencyKey: "k2", request: { command: [] } }, "command"],
      ["a company that does not exist", { v: 1, company: newId(), idempotencyKey: "k3", request: { command: ["true"] } }, "company_not_found"],
      ["no key", { v: 1, company, request: { command: ["true"] } }, "idempotencyKey"],
    ];
    const jobs = await Promise.all(bad.map(async ([name, data, said]) => ({ name, said, id: (await queue.add("run", data)).id ?? "" })));
    for (const { name, said, id } of jobs) {
      await eventually(async () => {
        const job = await queue.getJob(id);
        expect(await job?.getState(), name).toBe("failed");
        expect(job?.failedReason, name).toContain(said);
        expect(job?.attemptsMade, name).toBe(1);
      });
    }
    expect((await stack.ended((await stack.submit({ command: ["true"] })).id)).run.outcome).toEqual({ kind: "exited", code: 0 });
  });

  it("I13: keeps its submission while Postgres is away", async () => {
    await stack.worker();
    const url = new URL(stack.config.databaseUrl ?? "");
    const name = url.pathname.slice(1);
    url.pathname = "/postgres";
    const admin = postgres(url.href, { max: 1, onnotice: () => {} });
    await admin.unsafe(`alter database ${name} allow_connections false`);
    await admin.unsafe(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
    const job = await queue.add("run", { v: 1, company: stack.companyId, idempotencyKey: "later", request: { command: ["true"] } });
    await eventually(async () => expect(await (await queue.getJob(job.id ?? ""))?.getState()).toBe("delayed"));
    await admin.unsafe(`alter database ${name} allow_connections true`);
    await admin.end();
    expect((await stack.ended(await runOf("later"))).run.outcome).toEqual({ kind: "exited", code: 0 });
  });

  it("the same key with another request is refused, and the first run stays", async () => {
    await stack.worker();
    const run = await stack.submit({ command: ["true"] }, "mine");
    await expect(stack.submit({ command: ["false"] }, "mine")).rejects.toMatchObject({ code: "idempotency_key_reused", status: 409 });
    expect((await stack.submit({ command: ["true"] }, "mine")).id).toBe(run.id);
    const job = await queue.add("run", { v: 1, company: stack.companyId, idempotencyKey: "mine", request: { command: ["false"] } });
    await eventually(async () => expect((await queue.getJob(job.id ?? ""))?.failedReason).toContain("idempotency_key_reused"));
    await stack.ended(run.id);
  });

  it("with our own producer: a malformed submission does not reach the queue", async () => {
    const producer = runProducer({ redisUrl: stack.config.redisUrl ?? "", prefix: stack.config.queuePrefix });
    await expect(producer.submit({ company: "nobody", idempotencyKey: "k", request: { command: ["true"] } })).rejects.toThrow(/company/);
    await producer.submit({ company: stack.companyId, idempotencyKey: "k", request: { command: ["true"] } });
    expect(await queue.getJobCountByTypes("wait")).toBe(1);
    await stack.worker();
    await stack.ended(await runOf("k"));
    await producer.close();
  });
});

describe("environments a run cannot have", () => {
  it("end it as not started, with the reference's codes; another company's looks like none", async () => {
    const { db } = stack.base.database;
    const foreign = newId();
    await db.execute(sql`insert into companies (id, name) values (${foreign}, 'foreign')`);
    const [theirs, archived] = [newId(), newId()];
    await db.execute(sql`insert into environments (id, company_id, name, driver, backend, status) values
      (${theirs}, ${foreign}, 'theirs', 'local', 'local', 'active'), (${archived}, ${stack.companyId}, 'old', 'sandbox', 'sandbox-fake', 'archived')`);
    await stack.worker();
    const outcome = async (environment: Record<string, string>) => (await stack.ended((await stack.submit({ command: ["true"], environment })).id)).run.outcome;
    expect(await outcome({ issue: newId() })).toMatchObject({ kind: "not_started", reason: "environment_not_found" });
    expect(await outcome({ agent: theirs })).toMatchObject({ kind: "not_started", reason: "environment_not_found" });
    expect(await outcome({ project: archived })).toMatchObject({ kind: "not_started", reason: "environment_inactive" });
  });
});
