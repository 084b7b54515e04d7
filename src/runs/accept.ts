import { getCompany } from "../db/companies.ts";
import type { Db } from "../db/client.ts";
import { acceptRun as writeDown, isKeyTaken, rankOfAccepted, type Run } from "../db/runs.ts";
import { acceptedCause, type Bells } from "../domain/bells.ts";
import { parse } from "../domain/parse.ts";
import { idempotencyKey, runRequest } from "../domain/request.ts";
import { requestHash } from "../domain/request-hash.ts";
import { checkVariables } from "../secrets/check-references.ts";

/**
 * Accepts a run: from here on it is ours, whatever dies. Asking again with the same key gives the same run.
 * Throws `invalid` for a malformed request, an unknown company, secrets that the company has not got, and a key that belongs to another request.
 */
export async function acceptRun(db: Db, companyId: string, key: string, request: unknown): Promise<{ run: Run; fresh: boolean }> {
  const wanted = parse(runRequest, request, "request");
  const goodKey = parse(idempotencyKey, key, "idempotencyKey");
  await getCompany(db, companyId);
  await checkVariables(db, companyId, "request", wanted.env).catch(async (error: unknown) => {
    // What was accepted before stays accepted, whatever has become of its secrets since.
    if (!(await isKeyTaken(db, companyId, goodKey))) throw error;
  });
  return writeDown(db, companyId, goodKey, requestHash(wanted), wanted);
}

/** Whether nothing of its company's waits for a decision before this run. Else it is rung for behind that: so companies take turns at decisions too. */
export async function isFirstOrRungFor({ db, bells }: { db: Db; bells: Bells }, run: Run): Promise<boolean> {
  if (run.phase !== "accepted") return true;
  const rank = await rankOfAccepted(db, run.companyId);
  if (rank > 1) await bells.run(run.id, acceptedCause, rank);
  return rank === 1;
}

/** Accepts a run and rings for it. */
export async function submitRun(parts: { db: Db; bells: Bells }, companyId: string, key: string, request: unknown): Promise<{ run: Run; fresh: boolean }> {
  const accepted = await acceptRun(parts.db, companyId, key, request);
  await ringAccepted(parts, accepted);
  return accepted;
}

/** Rings for a run that was just accepted. */
export async function ringAccepted(parts: { db: Db; bells: Bells }, { run, fresh }: { run: Run; fresh: boolean }): Promise<void> {
  if (fresh && (await isFirstOrRungFor(parts, run))) await parts.bells.run(run.id, acceptedCause, 1);
}
