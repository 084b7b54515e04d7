import type { Job } from "bullmq";
import { catalog } from "../queues/catalog.ts";
import { acquireNext } from "../src/leases/acquire.ts";
import type { WorkerFleet } from "../src/leases/fleet.ts";
import { outcomeOf, payloadOf } from "./outcome.ts";

/** Takes due leases of a backend, first come first served, until there is none: one bell answers for those that were lost. */
export function acquireJob(fleet: WorkerFleet, backend: string, bound: boolean, stop: AbortSignal) {
  return (job: Job): Promise<string> => {
    payloadOf(catalog.acquire.payload, job);
    return outcomeOf(fleet.log, async () => {
      let taken = 0;
      while (!stop.aborted && (await acquireNext(fleet, backend, bound))) taken += 1;
      return `${taken} taken`;
    });
  };
}
