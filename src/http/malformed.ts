import type { Socket } from "node:net";
import { invalid } from "../domain/errors.ts";
import { problemFor } from "./problem.ts";

/** Statuses of what Node's parser cannot take, as Node itself answers them. */
const statuses: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, HPE_CHUNK_EXTENSIONS_OVERFLOW: 413, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** Answers what is no HTTP request with a problem document, like any other refusal, and ends the connection. For a server's `clientError`. */
export function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  // Who has gone gets no answer; nor is a second one put into the middle of the first.
  if (error.code === "ECONNRESET" || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const problem = problemFor(invalid("request_malformed", `this is no HTTP request that can be answered (${error.code ?? "unknown"})`, { status: statuses[error.code ?? ""] ?? 400 }));
  const { status, title } = problem;
  const body = JSON.stringify(problem);
  socket.end(`HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}
