import type { Hono } from "hono";
import { z } from "zod";
import { findSituation, getSituation } from "../db/runs.ts";
import { streams } from "../domain/execution.ts";
import { followOutput } from "../output/follow.ts";
import { byteStream } from "./byte-stream.ts";
import { flag, pathId, readQuery, wholeNumber } from "./input.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { watchRun } from "./watch-run.ts";

const query = {
  stream: z.enum(streams, `must be ${streams.join(" or ")}`).default("stdout"),
  offset: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(0),
  follow: flag.default(false),
};

/** The exact bytes of one stream of a run, from an offset on; with `follow`, as they come, to the end of the command. */
export function runOutputRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  api.get("/v1/runs/:id/output", async (c) => {
    const id = pathId(c, "run");
    const { stream, offset, follow } = readQuery(c, query);
    const { execution } = await getSituation(parts.db, c.var.identity.companyId, id);
    const gone = new AbortController();

    async function* bytes(): AsyncGenerator<Uint8Array> {
      const followed = execution?.id ?? (follow ? await executionOf(parts, id, gone.signal) : null);
      if (followed === null) return;
      for await (const piece of followOutput(parts, followed, { [stream]: offset }, { signal: gone.signal, live: follow })) yield piece.bytes;
    }
    return c.body(byteStream(bytes(), { gone }), 200, { "content-type": "application/octet-stream", "cache-control": "no-store" });
  });
}

/** The run's execution as soon as there is one; null when the run ended without. */
async function executionOf(parts: ApiParts, runId: string, signal: AbortSignal): Promise<string | null> {
  for await (const news of watchRun(parts, runId, {}, signal)) {
    if (news.kind === "end" || (news.kind === "state" && news.executionId !== null)) break;
  }
  return (await findSituation(parts.db, runId))?.execution?.id ?? null;
}
