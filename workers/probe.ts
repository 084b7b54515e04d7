import type { Job } from "bullmq";
import type { QueueBells } from "../queues/bells.ts";
import { catalog } from "../queues/catalog.ts";
import type { WorkerFleet } from "../src/leases/fleet.ts";
import { probePlace } from "../src/leases/probe.ts";
import { outcomeOf, payloadOf } from "./outcome.ts";

/** Looks at a place and tells whoever asked. A question that is too old is dropped: its asker has left. */
export function probeJob(fleet: WorkerFleet, bells: QueueBells, backend: string, stop: AbortSignal) {
  return async (job: Job): Promise<string> => {
    const { id, config, company = null, expiresAt } = payloadOf(catalog.probe.payload, job).probe;
    return outcomeOf(fleet.log, async () => {
      const leftMs = expiresAt - (await bells.now());
      if (leftMs <= 0) {
        // Who still listens hears why; a look would come too late.
        await bells.reply(id, { fault: `the workers of ${backend} were busy until the question was too old; ask again` });
        return "dropped: too old";
      }
      await bells.reply(id, await probePlace(fleet, { backend, config, companyId: company }, leftMs, stop));
      return "answered";
    });
  };
}
