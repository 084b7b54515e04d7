import { acceptAgain, getSituation, type Run } from "../db/runs.ts";
import type { Db } from "../db/client.ts";
import type { Bells } from "../domain/bells.ts";
import { invalid } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { idempotencyKey } from "../domain/request.ts";
import { requestHash } from "../domain/request-hash.ts";
import { ringAccepted } from "./accept.ts";

/**
 * Asks for what an ended run asked for once more, as a run of its own that says `retryOf`. The same key gives the same run. Throws
 * `invalid`: `run_not_found` (404), for another company's too; `run_not_ended` (409); a key that belongs to another request (409).
 */
export async function retryRun(parts: { db: Db; bells: Bells }, companyId: string, runId: string, key: string): Promise<{ run: Run; fresh: boolean }> {
  const accepted = await acceptAgain(parts.db, companyId, runId, parse(idempotencyKey, key, "idempotencyKey"), requestHash({ retryOf: runId.toLowerCase() }));
  if (accepted === null) {
    const { run } = await getSituation(parts.db, companyId, runId);
    throw invalid("run_not_ended", `run ${run.id} is ${run.phase}; it can be asked for again when it has ended. To end it, cancel it`, { status: 409 });
  }
  await ringAccepted(parts, accepted);
  return accepted;
}
