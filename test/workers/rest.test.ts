import { Queue } from "bullmq";
import { expect, inject, it } from "vitest";
import { openPatientConnection } from "../../queues/connection.ts";
import { openWorkers, type WorkerHost } from "../../workers/host.ts";
import { freshPrefix } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { quietLog } from "../support/quiet-log.ts";

it("a worker that rests leaves a queue's jobs to others, but for one that it was waiting for; then it takes them again", async () => {
  const address = { url: inject("redisUrl"), prefix: freshPrefix() };
  const connection = openPatientConnection(address, () => {});
  const queue = new Queue("bells", { connection, prefix: address.prefix });
  const taken = { first: 0, second: 0 };
  const open = (who: keyof typeof taken): WorkerHost =>
    openWorkers(address, [{ queue: "bells", concurrency: 1, processor: async () => void (taken[who] += 1) }], quietLog);
  const ring = (): Promise<unknown> => queue.addBulk(Array.from({ length: 20 }, () => ({ name: "bell", data: {} })));
  const first = open("first");
  await ring();
  await eventually(() => Promise.resolve(expect(taken.first).toBe(20)));
  first.rest("bells", true);
  first.rest("bells", true);
  first.rest("other", true);
  const second = open("second");
  await ring();
  await eventually(() => Promise.resolve(expect(taken.first + taken.second).toBe(40)));
  expect(taken.first - 20).toBeLessThanOrEqual(1);
  await second.close();
  await ring();
  first.rest("bells", false);
  await eventually(() => Promise.resolve(expect(taken.first + taken.second).toBe(60)));
  // Resting or not, it can be closed.
  first.rest("bells", true);
  await first.close();
  await queue.close();
  connection.disconnect();
});
