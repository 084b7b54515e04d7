import { sql } from "drizzle-orm";
import type { Claim } from "../domain/claim.ts";
import { timing } from "../domain/defaults.ts";
import type { KillReason } from "../domain/outcome.ts";
import type { Db } from "./client.ts";
import { inMs, rowsOf } from "./rows.ts";

/** A claim on an execution, by the execution's id. */
export interface HeldExecution {
  readonly id: string;
  readonly claim: Claim;
}

/** What the row says to whoever holds it. */
export interface ExecutionNews {
  readonly killReason: KillReason | null;
}

/** Extends a live claim, and brings the news with it. Null when the claim is not mine any more. */
export async function extendExecutionClaim(db: Db, { id, claim }: HeldExecution): Promise<ExecutionNews | null> {
  const [row] = await rowsOf(
    db,
    sql`update executions set claim_until = ${inMs(timing.claim)}, due_at = ${inMs(timing.claim)}
        where id = ${id} and claim_token = ${claim.token} and claim_until > clock_timestamp() returning kill_reason`,
  );
  return row === undefined ? null : { killReason: row["kill_reason"] as KillReason | null };
}

/**
 * Extends many claims in one statement; the news by execution id. One that is missing in the answer is not mine any
 * more, or its row is locked at the moment: one statement must not wait for a single row and let all other claims lapse.
 */
export async function extendExecutionClaims(db: Db, held: readonly HeldExecution[]): Promise<Map<string, ExecutionNews>> {
  const ids = sql.param(`{${held.map(({ id }) => id).join(",")}}`);
  const tokens = sql.param(`{${held.map(({ claim }) => claim.token).join(",")}}`);
  const rows = await rowsOf(
    db,
    sql`update executions x set claim_until = ${inMs(timing.claim)}, due_at = ${inMs(timing.claim)} where x.id = any(array(
          select e.id from unnest(${ids}::uuid[], ${tokens}::uuid[]) as held (id, token) join executions e on e.id = held.id
          where e.claim_token = held.token and e.claim_until > clock_timestamp() for no key update of e skip locked
        )) returning x.id, x.kill_reason`,
  );
  return new Map(rows.map((row) => [String(row["id"]), { killReason: row["kill_reason"] as KillReason | null }]));
}
