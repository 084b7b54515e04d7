import { abandonExecution, askKill, type Execution } from "../db/executions.ts";
import type { KillReason } from "../domain/outcome.ts";
import type { Fleet } from "./fleet.ts";

/**
 * Has an execution ended: here and now when nobody has begun to start it, else by whoever works on it, who is rung. True
 * when it was the former. The first reason stays.
 */
export async function endExecution({ db, bells }: Pick<Fleet, "db" | "bells">, execution: Pick<Execution, "id" | "runId" | "offer">, reason: KillReason): Promise<boolean> {
  if (await abandonExecution(db, execution.id, reason)) {
    await bells.output({ execution: execution.id, stream: "final", end: 0 });
    if (execution.runId !== null) await bells.run(execution.runId, `abandoned-${execution.offer}`);
    return true;
  }
  if (await askKill(db, execution.id, reason)) await Promise.all([bells.execution(execution.id), bells.moved(execution.id)]);
  return false;
}
