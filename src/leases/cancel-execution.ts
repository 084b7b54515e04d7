import { type Execution, getExecution } from "../db/executions.ts";
import { invalid } from "../domain/errors.ts";
import { endExecution } from "./end-execution.ts";
import type { Fleet } from "./fleet.ts";

/**
 * Asks for the end of one command of an ad-hoc lease; the lease and its other commands go on. Asking again, or after the
 * end, changes nothing. Throws `invalid`: `execution_not_found` (404), for another company's too; `execution_belongs_to_run`
 * (409), for a run is cancelled as a whole.
 */
export async function cancelExecution(parts: Pick<Fleet, "db" | "bells">, companyId: string, id: string): Promise<void> {
  const execution: Execution = await getExecution(parts.db, companyId, id);
  if (execution.runId !== null) throw invalid("execution_belongs_to_run", `execution ${id} belongs to run ${execution.runId}; cancel that`, { status: 409 });
  if (execution.state !== "final") await endExecution(parts, execution, "cancelled");
}
