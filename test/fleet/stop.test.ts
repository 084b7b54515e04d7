import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { expect, it } from "vitest";
import { openBells } from "../../queues/bells.ts";
import { openWorkers } from "../../workers/host.ts";

const log = pino({ level: "silent" });

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

it("workers stop within their deadline though Redis is away", async () => {
  const workers = openWorkers({ url: `redis://127.0.0.1:${await closedPort()}`, prefix: "{t}" }, [{ queue: "q", concurrency: 1, processor: async () => {} }], log);
  await workers.close(300);
});

it("I13: bells that cannot be rung never throw", async () => {
  const bells = openBells({ url: `redis://127.0.0.1:${await closedPort()}`, prefix: "{t}" }, log);
  await Promise.all([bells.run("r", "c"), bells.moved("r"), bells.execution("x"), bells.output({ execution: "x", stream: "stdout", end: 1 })]);
  expect(await bells.stepUnder({ id: "p", queue: "q" }, { verb: "release", backend: "local", host: null, id: "l", offer: 1 })).toBe(false);
  await bells.close();
});
