import { hostname } from "node:os";
import { openBells } from "../../queues/bells.ts";
import { catalog } from "../../queues/catalog.ts";
import { openNotices } from "../../queues/notices.ts";
import type { RedisAddress } from "../../queues/connection.ts";
import type { Db } from "../../src/db/client.ts";
import { beatWorker } from "../../src/db/workers.ts";
import { timing } from "../../src/domain/defaults.ts";
import { newId } from "../../src/domain/ids.ts";
import type { Driver } from "../../src/drivers/driver.ts";
import type { WorkerFleet } from "../../src/leases/fleet.ts";
import { Progress } from "../../src/leases/progress.ts";
import { turns } from "../../src/leases/turns.ts";
import { acquireJob } from "../../workers/acquire.ts";
import { openDrain } from "../../workers/drain.ts";
import { openWorkers } from "../../workers/host.ts";
import { quietLog } from "./quiet-log.ts";
import { noSecrets } from "./secrets.ts";

/** A living worker that serves only the acquires of a backend, with a driver of the test's own. */
export async function startProber(db: Db, address: RedisAddress, driver: Driver, backend = "local"): Promise<AsyncDisposable> {
  const bells = openBells(address, quietLog);
  const notices = openNotices(address, () => {});
  const stop = new AbortController();
  const host = { id: newId(), name: hostname() };
  const fleet: WorkerFleet = { db, claims: db, bells, log: quietLog, who: "prober", installation: newId(), host, memory: { known: async () => [], remember: async () => {}, forget: async () => {} }, driver: () => driver, notices, progress: new Progress(), secrets: noSecrets(db) };
  const processor = acquireJob(fleet, bells, backend, openDrain(fleet, backend, false, 4, turns(4), stop.signal), stop.signal);
  const workers = openWorkers(address, [{ queue: catalog.acquire.queue(backend, null), concurrency: 2, processor }], quietLog);
  const self = { id: newId(), host: host.id, hostName: host.name, pid: process.pid, version: "test", backends: [backend] };
  await beatWorker(db, self);
  const beats = setInterval(() => void beatWorker(db, self).catch(() => {}), timing.workerBeat);
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(beats);
      stop.abort();
      await workers.close();
      notices.close();
      await bells.close();
    },
  };
}

/** Says that a worker of the backend lives, though none listens: one that has just died, as the fleet sees it. */
export const pretendWorker = async (db: Db, backend = "local"): Promise<void> =>
  void await beatWorker(db, { id: newId(), host: newId(), hostName: "gone", pid: 1, version: "test", backends: [backend] });
