import type { ExecutionStateEvent } from "../wire/events.ts";
import type { Db } from "../db/client.ts";
import { findExecution } from "../db/executions.ts";
import { waitingToStart } from "./waiting.ts";
import type { Watched } from "./watch.ts";

/** An execution by itself, to be watched until it has ended. */
export const watchedExecution = (db: Db, id: string): Watched<ExecutionStateEvent> => ({
  id,
  look: async () => {
    const execution = await findExecution(db, id);
    if (execution === undefined) return undefined;
    const { state, outcome, killReason } = execution;
    return { state: { state, waiting: await waitingToStart(db, execution), killReason }, execution, end: outcome };
  },
});
