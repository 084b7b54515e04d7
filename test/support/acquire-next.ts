import { acquireClaimed, nextLeases } from "../../src/leases/acquire.ts";
import type { WorkerFleet } from "../../src/leases/fleet.ts";

/** Takes the next lease of a backend and brings it to `active`. False when there was none to take. */
export async function acquireNext(fleet: WorkerFleet, backend: string, bound: boolean): Promise<boolean> {
  const claimed = await nextLeases(fleet, backend, bound)();
  if (claimed !== null) await acquireClaimed(fleet, claimed);
  return claimed !== null;
}
