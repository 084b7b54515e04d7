import type { Job } from "bullmq";
import { catalog } from "../queues/catalog.ts";
import type { WorkerFleet } from "../src/leases/fleet.ts";
import type { Turns } from "../src/leases/turns.ts";
import type { HostPathSource } from "../src/runs/host-path.ts";
import { realizeRun } from "../src/runs/realize.ts";
import { outcomeOf, payloadOf } from "./outcome.ts";

/** Puts a run's workspace into its environment. */
export function realizeJob(fleet: WorkerFleet, hostPaths: HostPathSource, stop: AbortSignal, inTurn: Turns) {
  return (job: Job): Promise<string> => {
    const { id } = payloadOf(catalog.realize.payload, job);
    return outcomeOf(fleet.log, async () => {
      using _ = await inTurn();
      await realizeRun(fleet, hostPaths, id, stop);
      return "done";
    });
  };
}
