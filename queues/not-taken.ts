import { busy, type LeaseholdError, reasonOf, refused, transient } from "../src/domain/errors.ts";

/**
 * Why Redis did not take what was put on a queue. `error` is what it answered; null when it did not answer in time, and then
 * `lastFault` is the last that was heard of the connection.
 */
export function notTaken(error: unknown, lastFault: Error | undefined): LeaseholdError {
  const said = reasonOf(error ?? lastFault ?? "");
  const cause = error ?? lastFault;
  if (/\b(WRONGPASS|NOAUTH|NOPERM)\b/.test(said)) return refused("queue_unauthorized", `Redis does not let us in: ${said}`, { cause });
  if (error === null) {
    const why = said === "" ? "" : ` (${said})`;
    return transient("queue_no_answer", `Redis did not answer in time${why}; it may have the submission all the same: submit it again under the same key`, { cause });
  }
  // Full; of a cluster or a pair, not whole or not the primary at this moment.
  if (/\b(OOM|READONLY|CLUSTERDOWN|LOADING|MASTERDOWN|NOREPLICAS|TRYAGAIN)\b/.test(said)) return busy("queue_unavailable", `Redis takes nothing now: ${said}`, { cause });
  return transient("queue_failed", `Redis did not take the submission: ${said}`, { cause });
}
