import { Queue } from "bullmq";
import { afterEach, beforeEach, expect, inject, it } from "vitest";
import { openPatientConnection } from "../../queues/connection.ts";
import { openWorkers } from "../../workers/host.ts";
import { freshPrefix } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { quietLog } from "../support/quiet-log.ts";

const address = { url: "", prefix: freshPrefix() };
let connection: ReturnType<typeof openPatientConnection>;
let queue: Queue;
beforeEach(() => {
  address.url = inject("redisUrl");
  connection = openPatientConnection(address, () => {});
  queue = new Queue("bells", { connection, prefix: address.prefix });
});
afterEach(async () => {
  await queue.close();
  connection.disconnect();
});

it("a job that is on its way to a worker as it stops is not begun there, and another takes it up at once", async () => {
  const done: string[] = [];
  const late: string[] = [];
  const open = () => {
    let stopped = false;
    const work = async ({ data }: { data: string }): Promise<void> => {
      (stopped ? late : done).push(data);
    };
    const workers = openWorkers(address, [{ queue: "bells", concurrency: 100, processor: work }], quietLog);
    return {
      stop: () => {
        workers.pause();
        stopped = true;
        return workers.close();
      },
    };
  };
  // Each worker is told to stop while jobs come in.
  for (let i = 0; i < 20; i += 1) {
    const leaving = open();
    const adding = Promise.all(Array.from({ length: 10 }, (_, k) => queue.add("bell", `${i}-${k}`, { removeOnComplete: true })));
    await eventually(() => expect(done.length).toBeGreaterThan(0));
    await leaving.stop();
    await adding;
  }
  const staying = open();
  await eventually(async () => expect({ done: done.length, ...(await queue.getJobCounts()) }).toMatchObject({ done: 200 }), { timeoutMs: 10_000 });
  expect(late).toEqual([]);
  await staying.stop();
});
