import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { openBase } from "../../src/app/base.ts";
import { openWorker } from "../../src/app/worker.ts";
import { type Config, readConfig } from "../../src/config.ts";
import type { ApiServer } from "./api-server.ts";

/** A worker of this process for what an API server is asked. */
export interface ApiWorker extends AsyncDisposable {
  /** Where its leases are. */
  readonly dataDir: string;
}

export async function startWorker(server: ApiServer): Promise<ApiWorker> {
  const dataDir = await mkdtemp(join(tmpdir(), "leasehold-test-"));
  const config: Config = {
    ...readConfig({ PATH: process.env["PATH"] }),
    databaseUrl: server.databaseUrl,
    redisUrl: inject("redisUrl"),
    queuePrefix: server.prefix,
    dataDir,
    logLevel: process.env["TEST_LOG"] ?? "silent",
  };
  const base = openBase(config, "worker");
  const worker = await openWorker(config, base, { backends: ["local"] });
  return {
    dataDir,
    [Symbol.asyncDispose]: async () => {
      await worker.stop();
      await base.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
