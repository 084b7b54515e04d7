import type { StateEvent } from "../wire/events.ts";
import type { Db } from "../db/client.ts";
import { findSituation, type RunSituation } from "../db/runs.ts";
import { waitingOf } from "./waiting.ts";
import type { Watched } from "./watch.ts";

/** A run, to be watched until its outcome is known and its environment was given back. */
export const watchedRun = (db: Db, id: string): Watched<StateEvent> => ({
  id,
  look: async () => {
    const situation = await findSituation(db, id);
    if (situation === undefined) return undefined;
    const { run, execution } = situation;
    return { state: await stateOf(db, situation), execution, end: run.phase === "ended" ? run.outcome : null };
  },
});

async function stateOf(db: Db, situation: RunSituation): Promise<StateEvent> {
  const { run, execution } = situation;
  return { phase: run.phase, waiting: await waitingOf(db, situation), outcome: run.outcome, cancelRequested: run.cancelRequestedAt !== null, executionId: execution?.id ?? null };
}
