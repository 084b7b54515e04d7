import type { StreamName } from "../domain/execution.ts";
import { Patience } from "./retry.ts";
import { bodyOf, type Transport } from "./transport.ts";

export interface OutputOptions {
  readonly stream?: StreamName;
  /** Byte to begin at. */
  readonly offset?: number;
  /** Wait for what is to come, until the command has ended. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/** The exact bytes of a stream of what is at `at`. When the connection breaks, goes on at the byte after the last one given. */
export async function* outputOf(transport: Transport, at: string, options: OutputOptions): AsyncGenerator<Uint8Array> {
  const { stream = "stdout", follow = false, signal } = options;
  const patience = new Patience(transport.patience);
  let offset = options.offset ?? 0;
  for (;;) {
    try {
      const response = await transport.send({ path: `${at}/output`, query: { stream, offset, follow }, repeatable: true, signal });
      patience.succeeded();
      for await (const piece of bodyOf(response, transport.url, signal)) {
        offset += piece.length;
        yield piece;
      }
      return;
    } catch (error) {
      await patience.after(error, signal);
    }
  }
}
