import type { Job } from "bullmq";
import { catalog } from "../queues/catalog.ts";
import { execute } from "../src/leases/execute.ts";
import type { WorkerFleet } from "../src/leases/fleet.ts";
import type { Turns } from "../src/leases/turns.ts";
import { outcomeOf, payloadOf } from "./outcome.ts";

/**
 * Works on one execution until it has ended, or this worker is told to stop: then the command goes on without it. They are begun
 * in turn; all others that run are only followed.
 */
export function executeJob(fleet: WorkerFleet, stop: AbortSignal, inTurn: Turns) {
  return (job: Job): Promise<string> => {
    const { id } = payloadOf(catalog.execute.payload, job);
    return outcomeOf(fleet.log, () => execute(fleet, id, stop, inTurn));
  };
}
