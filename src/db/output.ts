import { sql } from "drizzle-orm";
import type { Claim } from "../domain/claim.ts";
import { stale } from "../domain/errors.ts";
import type { Anchor, StreamName } from "../domain/execution.ts";
import type { Db } from "./client.ts";
import { findExecution, type Execution } from "./executions.ts";
import { rowsOf } from "./rows.ts";

/**
 * Appends bytes to the durable copy of a stream, exactly at `start` or not at all: the byte count of the execution is
 * compared and set in the same statement. It does not wait for the disk: should Postgres crash before that, count and
 * bytes are back where they were together, the next piece fails, and the bytes are read again at the place, which keeps
 * them. The statement that ends the execution compares the counts too, and does wait, with it for all before it. Safe to repeat. Throws `stale` when the claim is not mine any more.
 *
 * `anchor` is of a redacted stream: where whoever takes over begins to read.
 */
export async function appendOutput(db: Db, execution: Execution, claim: Claim, stream: StreamName, start: number, bytes: Buffer, anchor: Anchor | null = null): Promise<void> {
  const count = sql.identifier(`${stream}_bytes`);
  const rows = await rowsOf(
    db,
    sql`with quick as (
          select set_config('synchronous_commit', 'off', true) as set
        ), own as (
          update executions set ${count} = ${start + bytes.length}${anchor === null ? sql`` : sql`, ${sql.identifier(`${stream}_anchor`)} = ${JSON.stringify(anchor)}::jsonb`}, first_output_at = coalesce(first_output_at, clock_timestamp())
          where id = ${execution.id} and offer = ${execution.offer} and claim_token = ${claim.token} and claim_until > clock_timestamp()
            and ${count} = ${start} and (select set from quick) = 'off' returning id
        )
        insert into execution_output (execution_id, stream, start, bytes) select id, ${stream}, ${start}, ${bytes} from own returning start`,
  );
  if (rows.length > 0) return;
  const now = await findExecution(db, execution.id);
  const durable = stream === "stdout" ? now?.stdoutBytes : now?.stderrBytes;
  if (now?.offer === execution.offer && now.claimToken === claim.token && durable === start + bytes.length) return;
  throw stale("execution_moved_on", `the output of execution ${execution.id} is not mine to write at ${start} any more`);
}

/** Durable bytes of a stream from `offset` on: one stored piece at a time, so that memory stays bounded. Empty at the end of what is durable. */
export async function readOutput(db: Db, executionId: string, stream: StreamName, offset: number): Promise<Buffer> {
  const [row] = await rowsOf(
    db,
    sql`select start, bytes from execution_output where execution_id = ${executionId} and stream = ${stream} and start <= ${offset}
        order by start desc limit 1`,
  );
  if (row === undefined) return Buffer.alloc(0);
  const bytes = row["bytes"] as Buffer;
  const skip = offset - Number(row["start"]);
  if (skip < bytes.length) return bytes.subarray(skip);
  return Buffer.alloc(0);
}
