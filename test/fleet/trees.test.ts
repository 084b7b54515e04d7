import { Queue } from "bullmq";
import { sql } from "drizzle-orm";
import { expect, it } from "vitest";
import { catalog } from "../../queues/catalog.ts";
import { openPatientConnection } from "../../queues/connection.ts";
import { pools } from "../../src/domain/defaults.ts";
import { eventually } from "../support/eventually.ts";
import { startStack } from "../support/stack.ts";

it("a run's tree has its own steps only, though its worker takes the next lease when one has got on", async () => {
  const stack = await startStack();
  const connection = openPatientConnection(stack.base.redis, () => {});
  try {
    const { db } = stack.base.database;
    const environment = await stack.fakeEnvironment({ commands: "instant" });
    const worker = await stack.worker({ backends: ["sandbox-fake"] });
    const count = 6 * pools.onTheirWay;
    const runs = await Promise.all(Array.from({ length: count }, () => stack.submit({ command: ["true"], environment: { project: environment } })));
    for (const run of runs) await stack.ended(run.id, 60_000);

    const rows = [...(await db.execute(sql`select r.id as run, r.lease_id as lease, x.id as execution from runs r join executions x on x.run_id = r.id`))];
    const runOf = new Map(rows.flatMap((row) => [row["lease"], row["execution"]].map((id) => [id, row["run"]])));
    const jobsOf = async (name: string) => {
      const queue = new Queue(name, { connection, prefix: stack.base.redis.prefix });
      const jobs = await queue.getJobs();
      await queue.close();
      return jobs;
    };
    await eventually(async () => {
      const bells = new Map((await jobsOf(catalog.run.queue())).map((job) => [job.id, (job.data as { run: string }).run]));
      const steps = (await Promise.all((["execute", "release"] as const).flatMap((verb) => [null, worker.fleet.host.id].map((host) => jobsOf(catalog[verb].queue("sandbox-fake", host)))))).flat();
      const inTrees = steps.filter((job) => job.parent !== undefined);
      expect(inTrees.length).toBeGreaterThan(0);
      for (const job of inTrees) expect(bells.get(job.parent?.id), `${job.name} ${job.id}`).toBe(runOf.get((job.data as { id: string }).id));
    });
  } finally {
    connection.disconnect();
    await stack.close();
  }
});
