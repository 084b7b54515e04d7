import { acquireClaimed, nextLeases } from "../src/leases/acquire.ts";
import type { WorkerFleet } from "../src/leases/fleet.ts";
import type { Turns } from "../src/leases/turns.ts";
import { ofNoJob } from "./onward.ts";

/** Takes a backend's leases, one after the other, until there is none to be had. */
export interface Drain {
  /** How many were taken. */
  take(): Promise<number>;
  /** Settles when nothing is under way that nobody waits for. */
  idle(): Promise<unknown>;
}

/**
 * Drains on demand, and by itself each time a lease of the backend has got on in this process: a company that has as many on
 * their way as it may gets its next one then, at most `most` at once. `stop` ends all that at the next lease.
 */
export function openDrain(fleet: WorkerFleet, backend: string, bound: boolean, most: number, inTurn: Turns, stop: AbortSignal): Drain {
  const alone = new Set<Promise<unknown>>();
  const next = nextLeases(fleet, backend, bound);
  const take = async (): Promise<number> => {
    let taken = 0;
    for (;;) {
      using _ = await inTurn();
      if (stop.aborted) break;
      const claimed = await next();
      if (claimed === null) break;
      await acquireClaimed(fleet, claimed);
      taken += 1;
    }
    return taken;
  };
  fleet.progress.onProgress((where) => {
    if (where !== backend || bound || stop.aborted || alone.size >= most) return;
    const one = ofNoJob(take)
      .catch((err: unknown) => fleet.log.warn({ err, backend }, "could not look for the next lease; the reaper will ring"))
      .finally(() => alone.delete(one));
    alone.add(one);
  });
  return { take, idle: () => Promise.all(alone) };
}
