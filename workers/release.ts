import type { Job } from "bullmq";
import { catalog } from "../queues/catalog.ts";
import type { WorkerFleet } from "../src/leases/fleet.ts";
import { releaseLease } from "../src/leases/release.ts";
import type { Turns } from "../src/leases/turns.ts";
import { outcomeOf, payloadOf } from "./outcome.ts";

/** Gives one lease's resource back. */
export function releaseJob(fleet: WorkerFleet, stop: AbortSignal, inTurn: Turns) {
  return (job: Job): Promise<string> => {
    const { id } = payloadOf(catalog.release.payload, job);
    return outcomeOf(fleet.log, async () => {
      using _ = await inTurn();
      await releaseLease(fleet, id, stop);
      return "done";
    });
  };
}
