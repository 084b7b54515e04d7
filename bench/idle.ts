import { fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { startFleet } from "../src/app/up/fleet.ts";
import { childEnvironment } from "../src/config.ts";
import { coresOf, costOf } from "./cost.ts";
import type { Bench } from "./scenario.ts";

const workers = 2;
const watchMs = 30_000;

/** What a fleet costs that has nothing to do: API, reaper, services, and workers of ten backends each; beside one without workers. */
export const idle: Bench = async (fleet) => {
  const dataDir = await mkdtemp(join(tmpdir(), "leasehold-bench-"));
  const own = await startFleet({ ...fleet.config, databaseUrl: undefined, redisUrl: undefined, dataDir, fakeProvider: undefined }, { workers: 0, backends: ["local"] }, pino({ level: "silent" }));
  const entry = fileURLToPath(new URL("./ten-backends.js", import.meta.url));
  const children = [];
  try {
    const without = await costOf(own.config, watchMs);
    for (let i = 0; i < workers; i += 1) {
      const child = fork(entry, { env: childEnvironment(own.config) });
      children.push(child);
      await new Promise<void>((resolve, reject) => {
        child.once("message", () => resolve());
        child.once("exit", (code) => reject(new Error(`a worker ended with ${code}`)));
      });
    }
    // What a start costs is not what idling costs.
    await new Promise((resolve) => setTimeout(resolve, 5000));
    const cost = await costOf(own.config, watchMs);
    return [
      { what: `idle, ${workers} workers of ten backends each`, measured: coresOf(cost), raw: `${coresOf(without)} without workers` },
      { what: "  transactions, Redis commands", measured: `${cost.transactions.toFixed(1)}/s, ${cost.redisCommands.toFixed(0)}/s`, raw: `${without.transactions.toFixed(1)}/s, ${without.redisCommands.toFixed(0)}/s` },
    ];
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await own.stopServices();
    await rm(dataDir, { recursive: true, force: true });
  }
};
