import { randomUUID } from "node:crypto";
import { type Job, Queue } from "bullmq";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openPatientConnection } from "../../queues/connection.ts";
import { catalog } from "../../queues/catalog.ts";
import { attempts } from "../../src/domain/defaults.ts";
import { newId } from "../../src/domain/ids.ts";
import { openWorkers } from "../../workers/host.ts";
import { runJob } from "../../workers/run.ts";
import { eventually } from "../support/eventually.ts";
import { quietLog } from "../support/quiet-log.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { untilThere } from "../support/shell.ts";

let stack: Stack;
let connection: ReturnType<typeof openPatientConnection>;
let queues: Queue[];
beforeEach(async () => {
  stack = await startStack();
  connection = openPatientConnection({ url: stack.config.redisUrl ?? "", prefix: stack.config.queuePrefix }, () => {});
  queues = [];
});
afterEach(async () => {
  await Promise.all(queues.map((queue) => queue.close()));
  connection.disconnect();
  await stack.close();
});

function queueNamed(name: string): Queue {
  const queue = new Queue(name, { connection, prefix: stack.config.queuePrefix });
  queues.push(queue);
  return queue;
}

const submission = (key: string) => ({ v: 2, company: stack.companyId, idempotencyKey: key, request: { command: ["true"] }, new: "here" });

/** A worker of the version after this one: it knows a field more in submissions. */
function newerWorker() {
  const work = runJob({ db: stack.base.database.db, bells: stack.base.bells, log: quietLog, who: "newer" }, stack.base.bells);
  const processor = async (job: Job, token?: string): Promise<string> => {
    const { new: _known, ...rest } = job.data as Record<string, unknown>;
    await job.updateData({ ...rest, v: 1 });
    return work(job, token);
  };
  return openWorkers({ url: stack.config.redisUrl ?? "", prefix: stack.config.queuePrefix }, [{ queue: catalog.run.queue(), concurrency: 1, processor }], quietLog);
}

const runOf = (key: string): Promise<string> =>
  eventually(
    async () => {
      const [row] = [...(await stack.base.database.db.execute(sql`select id from runs where idempotency_key = ${key}`))];
      if (row === undefined) throw new Error(`no run ${key}`);
      return String(row["id"]);
    },
    { timeoutMs: 45_000 },
  );

describe("a job of a newer version", () => {
  it("I13: that carries a run is left to a worker that knows it, and not lost", async () => {
    const older = await stack.worker();
    const runs = queueNamed("runs");
    const job = await runs.add("run", submission("newer"));
    const state = async () => (await runs.getJob(job.id ?? ""))?.getState();
    // It comes back, later each time.
    await eventually(async () => {
      const now = await runs.getJob(job.id ?? "");
      expect(now?.attemptsStarted).toBe(2);
      expect(now?.delay).toBe(2000);
      expect(await state()).toBe("delayed");
    });
    // Who puts it back is awake when it is due again, and mostly has it again: the newer one gets it once that has left.
    await older.stop();
    const newer = newerWorker();
    const id = await runOf("newer");
    await stack.worker();
    const { run } = await stack.ended(id);
    expect(run.outcome).toEqual({ kind: "exited", code: 0 });
    await newer.close();
  });

  it("that carries a run and that no worker knows fails clearly in the end, and can be retried after an upgrade", async () => {
    const older = await stack.worker();
    const runs = queueNamed("runs");
    const job = await runs.add("run", submission("in-vain"));
    await eventually(async () => expect(await job.getState()).toBe("delayed"));
    // An hour later.
    await connection.hset(`${stack.config.queuePrefix}:runs:${job.id}`, "ats", attempts.newer - 1);
    await eventually(async () => {
      const now = await runs.getJob(job.id ?? "");
      expect(await now?.getState()).toBe("failed");
      expect(now?.failedReason).toMatch(/^payload_version_unknown: the payload has version 2, .* up to 1; .*Upgrade the workers/);
    });
    await older.stop();
    const newer = newerWorker();
    await (await runs.getJob(job.id ?? ""))?.retry("failed", { resetAttemptsMade: true, resetAttemptsStarted: true });
    const id = await runOf("in-vain");
    await stack.worker();
    const { run } = await stack.ended(id);
    expect(run.outcome).toEqual({ kind: "exited", code: 0 });
    await newer.close();
  });

  it("I4: that is a bell fails at once, and its row is rung for again", async () => {
    const worker = await stack.worker();
    const { host } = worker.fleet;
    const run = await stack.submit({ command: ["sh", "-c", untilThere('"$GO"')], env: { GO: `${stack.config.dataDir}/leases` } });
    const bells: [string, string, unknown][] = [
      ["runs", "run", { v: 2, run: run.id, new: 1 }],
      ["local.acquire", "acquire", { v: 2 }],
      [`local.realize@${host.id}`, "realize", { v: 2, id: run.id, offer: 1 }],
      [`local.execute@${host.id}`, "execute", { v: 3, id: newId(), attempt: 1 }],
      [`local.release@${host.id}`, "release", { v: 2 }],
    ];
    for (const [name, verb, data] of bells) {
      const queue = queueNamed(name);
      const job = await queue.add(verb, data);
      await eventually(async () => expect((await queue.getJob(job.id ?? ""))?.failedReason, name).toContain("payload_version_unknown"));
    }
    expect((await stack.ended(run.id)).run.outcome).toEqual({ kind: "exited", code: 0 });
  });

  it("that asks how a place is waits for a worker that knows it", async () => {
    await stack.worker();
    const queue = queueNamed("local.acquire");
    const job = await queue.add("probe", { v: 2, probe: { id: randomUUID(), config: {}, depth: "thorough" } });
    await eventually(async () => expect(await job.getState()).toBe("delayed"));
    // As who asked does when he waits no longer.
    await job.remove();
  });
});
