import type { Context } from "hono";
import { z } from "zod";
import { streams, type StreamName } from "../domain/execution.ts";
import { type FollowParts, followOutput } from "../output/follow.ts";
import { byteStream } from "./byte-stream.ts";
import { flag, wholeNumber } from "./input.ts";

/** What a request for output says. */
export const outputQuery = {
  stream: z.enum(streams, `must be ${streams.join(" or ")}`).default("stdout"),
  offset: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(0),
  follow: flag.default(false),
};

export interface OutputWish {
  readonly stream: StreamName;
  readonly offset: number;
  readonly follow: boolean;
}

/**
 * The exact bytes of one stream, from an offset on; with `follow`, as they come, to the end of the command. `execution`
 * names whose, once there is one; null when there will be none.
 */
export function outputStream(c: Context, parts: FollowParts, { stream, offset, follow }: OutputWish, execution: (signal: AbortSignal) => Promise<string | null>): Response {
  const gone = new AbortController();

  async function* bytes(): AsyncGenerator<Uint8Array> {
    const followed = await execution(gone.signal);
    if (followed === null) return;
    for await (const piece of followOutput(parts, followed, { [stream]: offset }, { signal: gone.signal, live: follow })) yield piece.bytes;
  }
  return c.body(byteStream(bytes(), { gone }), 200, { "content-type": "application/octet-stream", "cache-control": "no-store" });
}
