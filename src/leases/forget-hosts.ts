import { forgetGoneHost, goneHosts } from "../db/hosts.ts";
import type { Fleet } from "./fleet.ts";

/** Removes what a host's bells left behind, given its id and what it served. */
export type RemoveQueues = (host: string, backends: readonly string[]) => Promise<void>;

/**
 * Forgets hosts that were silent for `timing.hostKept` and have no open lease: their queues first, then the host, so that whoever
 * dies in between is followed by the next. One that comes back after all is known again. Gives how many were forgotten.
 */
export async function forgetHosts(fleet: Fleet, removeQueues: RemoveQueues): Promise<number> {
  let forgotten = 0;
  for (const { id, name, backends } of await goneHosts(fleet.db)) {
    await removeQueues(id, backends);
    if (!(await forgetGoneHost(fleet.db, id))) continue;
    forgotten += 1;
    fleet.log.info({ host: id, name }, "forgot a host that was silent for long and has no lease");
  }
  return forgotten;
}
