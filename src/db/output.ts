import { sql } from "drizzle-orm";
import type { Claim } from "../domain/claim.ts";
import { limits } from "../domain/defaults.ts";
import { stale } from "../domain/errors.ts";
import type { Anchor, ExecutionState, StreamName, StreamSizes } from "../domain/execution.ts";
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
        insert into execution_output (execution_id, stream, start, bytes)
        select own.id, ${stream}, piece.start, decode(piece.text, 'base64') from own, (values ${sql.join(inRows(start, bytes), sql`, `)}) piece (start, text) returning start`,
  );
  if (rows.length > 0) return;
  const now = await findExecution(db, execution.id);
  const durable = stream === "stdout" ? now?.stdoutBytes : now?.stderrBytes;
  if (now?.offer === execution.offer && now.claimToken === claim.token && durable === start + bytes.length) return;
  throw stale("execution_moved_on", `the output of execution ${execution.id} is not mine to write at ${start} any more`);
}

/**
 * Bytes as the rows that keep them. Base64, because the driver writes them in hexadecimal otherwise, which costs both ends more,
 * and no more than `limits.outputRow` in one text: V8 gives a longer one memory of its own every time, which costs many times the
 * conversion.
 */
function inRows(start: number, bytes: Buffer): ReturnType<typeof sql>[] {
  const rows: ReturnType<typeof sql>[] = [];
  for (let at = 0; at < bytes.length; at += limits.outputRow) rows.push(sql`(${start + at}::bigint, ${bytes.toString("base64", at, at + limits.outputRow)}::text)`);
  return rows;
}

/** Durable bytes of a stream from `offset` on: some rows at a time, so that memory stays bounded. Empty at the end of what is durable. */
export async function readOutput(db: Db, executionId: string, stream: StreamName, offset: number): Promise<Buffer> {
  const rows = await rowsOf(
    db,
    sql`select start, encode(bytes, 'base64') as text from execution_output
        where execution_id = ${executionId} and stream = ${stream} and start < ${offset + limits.outputChunk} and start >= (
          select start from execution_output where execution_id = ${executionId} and stream = ${stream} and start <= ${offset} order by start desc limit 1
        )
        order by start limit ${limits.outputRows}`,
  );
  const bytes = Buffer.concat(rows.map(({ text }) => Buffer.from(text as string, "base64")));
  return bytes.subarray(offset - Number(rows[0]?.["start"] ?? offset));
}

/** How far an execution's output has got. */
export interface OutputProgress {
  readonly state: ExecutionState;
  readonly durable: StreamSizes;
}

/** How far the output of each of these executions has got; those that are not there any more are missing. */
export async function findProgress(db: Db, executionIds: readonly string[]): Promise<Map<string, OutputProgress>> {
  const rows = await rowsOf(db, sql`select id, state, stdout_bytes, stderr_bytes from executions where id = any(${sql.param(`{${executionIds.join(",")}}`)}::uuid[])`);
  return new Map(
    rows.map((row) => [row["id"] as string, { state: row["state"] as ExecutionState, durable: { stdout: Number(row["stdout_bytes"]), stderr: Number(row["stderr_bytes"]) } }]),
  );
}
