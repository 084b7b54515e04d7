import type { Db } from "../db/client.ts";
import { requestCancel, type Run } from "../db/runs.ts";
import type { Bells } from "../domain/bells.ts";

/**
 * Asks for a run's end, in whatever phase it is. The row says so before anybody is told; asking again, or after the end,
 * changes nothing. Throws `invalid` `run_not_found` (404), for another company's run too.
 */
export async function cancelRun(parts: { db: Db; bells: Bells }, companyId: string, runId: string): Promise<Run> {
  const run = await requestCancel(parts.db, companyId, runId);
  if (run.phase !== "ended") await parts.bells.run(run.id, `cancel-${run.version}`);
  return run;
}
