import { timing } from "../src/domain/defaults.ts";
import { noteEndpoint, reconcileDue } from "../src/leases/reconcile.ts";
import type { WorkerFleet } from "../src/leases/fleet.ts";

export interface Reconciler {
  /** Calls off what is under way. */
  stop(): Promise<void>;
}

/**
 * Has the endpoints of these backends compared with the rows when they are due. It looks at its own pace, in one statement
 * that mostly finds nothing, so that neither Redis nor a reaper has to be there.
 */
export function openReconciler(fleet: WorkerFleet, backends: readonly string[]): Reconciler {
  const stop = new AbortController();
  /** By backend, as last noted: a place that cannot be told is still due, and its failure is written down. */
  const noted = new Map<string, string>();
  let under: Promise<void> | null = null;

  const look = async (): Promise<void> => {
    for (const backend of backends) await noteEndpoint(fleet, backend, noted);
    await reconcileDue(fleet, [...noted.values()], stop.signal);
  };
  const timer = setInterval(() => {
    under ??= look()
      .catch((err: unknown) => fleet.log.warn({ err }, "could not look what is to be reconciled; will look again"))
      .finally(() => {
        under = null;
      });
  }, timing.workerBeat);

  return {
    stop: async () => {
      clearInterval(timer);
      stop.abort(new Error("this worker stops"));
      await under;
    },
  };
}
