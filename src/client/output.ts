import type { StreamName } from "../domain/execution.ts";
import { Silence } from "./body.ts";
import { Patience } from "./retry.ts";
import type { Abortable, Transport } from "./transport.ts";

export interface OutputOptions extends Abortable {
  /** Default `stdout`. */
  readonly stream?: StreamName | undefined;
  /** Byte to begin at. Default 0. */
  readonly offset?: number | undefined;
  /** Bytes to be given at most. */
  readonly limit?: number | undefined;
  /** Wait for what is to come, until the command has ended. */
  readonly follow?: boolean | undefined;
}

/** A command may be silent for long; a server that is asked for what there is, is not. Milliseconds. */
const longestSilence = { follow: 120_000, read: 45_000 };

/** The exact bytes of a stream of what is at `at`. When the connection breaks, goes on at the byte after the last one given. */
export async function* outputOf(transport: Transport, at: string, options: OutputOptions): AsyncGenerator<Uint8Array> {
  const { stream = "stdout", follow = false, signal } = options;
  const patience = new Patience(transport.patience);
  let offset = options.offset ?? 0;
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  while (left > 0) {
    const silence = new Silence(transport.url, follow ? longestSilence.follow : longestSilence.read, signal);
    try {
      const response = await transport.send({ path: `${at}/output`, query: { stream, offset, follow }, repeatable: true, signal: silence.signal });
      patience.succeeded();
      for await (const piece of silence.broken(response)) {
        const given = piece.length > left ? piece.subarray(0, left) : piece;
        offset += given.length;
        left -= given.length;
        yield given;
        if (left === 0) return;
      }
      return;
    } catch (error) {
      await patience.after(error, signal);
    }
  }
}
