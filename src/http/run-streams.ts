import type { Hono } from "hono";
import { findSituation, getSituation } from "../db/runs.ts";
import { eventStream, readEventsWish } from "./event-stream.ts";
import { pathId } from "./input.ts";
import { outputStream, readOutputWish } from "./output-stream.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { watch } from "./watch.ts";
import { watchedRun } from "./watched-run.ts";

/** What a run's command prints, and what happens to the run. */
export function runStreamRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  api.get("/v1/runs/:id/output", async (c) => {
    const id = pathId(c, "run");
    const wish = readOutputWish(c);
    const { execution } = await getSituation(parts.db, c.var.identity.companyId, id);
    return outputStream(c, parts, wish, async (signal) => execution?.id ?? (wish.follow ? await executionOf(parts, id, signal) : null));
  });

  api.get("/v1/runs/:id/events", async (c) => {
    const id = pathId(c, "run");
    const wish = readEventsWish(c);
    await getSituation(parts.db, c.var.identity.companyId, id);
    return eventStream(c, parts, watchedRun(parts.db, id), wish);
  });
}

/** The run's execution as soon as there is one; null when the run ended without. */
async function executionOf(parts: ApiParts, runId: string, signal: AbortSignal): Promise<string | null> {
  for await (const news of watch(parts, watchedRun(parts.db, runId), {}, signal)) {
    if (news.kind === "end" || (news.kind === "state" && news.executionId !== null)) break;
  }
  return (await findSituation(parts.db, runId))?.execution?.id ?? null;
}
