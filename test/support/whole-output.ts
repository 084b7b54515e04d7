import type { Db } from "../../src/db/client.ts";
import { readOutput } from "../../src/db/output.ts";
import type { StreamName } from "../../src/domain/execution.ts";

/** All that is durable of a stream. */
export async function wholeOutput(db: Db, executionId: string, stream: StreamName = "stdout"): Promise<string> {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const piece = await readOutput(db, executionId, stream, at);
    if (piece.length === 0) return Buffer.concat(pieces).toString();
    pieces.push(piece);
    at += piece.length;
  }
}
