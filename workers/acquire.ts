import type { Job } from "bullmq";
import type { QueueBells } from "../queues/bells.ts";
import { catalog, isNewer, isProbe } from "../queues/catalog.ts";
import type { WorkerFleet } from "../src/leases/fleet.ts";
import type { Drain } from "./drain.ts";
import { leaveToNewer } from "./newer-payload.ts";
import { outcomeOf, payloadOf } from "./outcome.ts";
import { probeJob } from "./probe.ts";

/** Takes due leases of a backend until there is none: one bell answers for those that were lost. Probes come on the same queue. */
export function acquireJob(fleet: WorkerFleet, bells: QueueBells, backend: string, drain: Drain, stop: AbortSignal) {
  const probe = probeJob(fleet, bells, backend, stop);
  return (job: Job, token?: string): Promise<string> => {
    if (isProbe(job.data)) return isNewer(job.data) ? leaveToNewer(job, token, fleet.log) : probe(job);
    payloadOf(catalog.acquire.payload, job);
    return outcomeOf(fleet.log, async () => `${await drain.take()} taken`);
  };
}
