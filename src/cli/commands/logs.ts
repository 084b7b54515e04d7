import type { Leasehold } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { writeBytes } from "../print.ts";

type Stream = "stdout" | "stderr";

export interface LogsOptions {
  readonly follow?: true;
  readonly stream?: Stream;
  readonly offset?: number;
  readonly json?: true;
}

/** Writes what a run printed. Both streams of a run that goes on come side by side; else one comes after the other. */
export async function showLogs(id: string, options: LogsOptions): Promise<number> {
  const client = await connect();
  const closed = new AbortController();
  try {
    if (options.stream !== undefined) await copy(client, id, options.stream, "stdout", options, closed);
    else if (options.follow === true) await Promise.all((["stdout", "stderr"] as const).map((s) => copy(client, id, s, s, options, closed)));
    else for (const stream of ["stdout", "stderr"] as const) await copy(client, id, stream, stream, options, closed);
    return exitCodes.ok;
  } catch (error) {
    if (closed.signal.aborted) return exitCodes.outputClosed;
    throw error;
  }
}

async function copy(client: Leasehold, id: string, from: Stream, to: Stream, options: LogsOptions, closed: AbortController): Promise<void> {
  let start = options.offset ?? 0;
  for await (const bytes of client.runs.output(id, { stream: from, offset: start, follow: options.follow === true, signal: closed.signal })) {
    const line = options.json === true ? Buffer.from(`${JSON.stringify({ stream: from, start, bytes: Buffer.from(bytes).toString("base64") })}\n`) : bytes;
    try {
      await writeBytes(options.json === true ? "stdout" : to, line);
    } catch (error) {
      closed.abort();
      throw error;
    }
    start += bytes.length;
  }
}
