import { findSituation, getSituation } from "../db/runs.ts";
import { eventsQuery, eventStream, lastEventId } from "./event-stream.ts";
import { outputQuery, outputStream } from "./output-stream.ts";
import type { ApiParts } from "./parts.ts";
import { bytes, events, idOf, type Route, route } from "./route.ts";
import { watch } from "./watch.ts";
import { watchedRun } from "./watched-run.ts";

const tag = "Runs";
const one = { id: idOf("run") };

/** What a run's command prints, and what happens to the run. */
export function runStreamRoutes(parts: ApiParts): Route[] {
  return [
    route(
      { method: "GET", path: "/v1/runs/:id/output", tag, summary: "Read what a run's command printed, byte for byte", who: "company", params: one, query: outputQuery, answers: { 200: bytes("The bytes of one stream, from the offset on") } },
      async ({ c, companyId, params: { id }, query }) => {
        const { execution } = await getSituation(parts.db, companyId, id);
        return outputStream(c, parts, query, async (signal) => execution?.id ?? (query.follow ? await executionOf(parts, id, signal) : null));
      },
    ),
    route(
      {
        method: "GET",
        path: "/v1/runs/:id/events",
        tag,
        summary: "Follow a run",
        description: "Server-sent events: `state` (StateEvent), `output` (OutputEvent) and at last `end` (EndEvent). Whoever sends the id of the last one as `Last-Event-ID` misses no byte and gets none twice.",
        who: "company",
        params: one,
        query: eventsQuery,
        headers: ["last-event-id"],
        answers: { 200: events("What happens to the run, to its end") },
      },
      async ({ c, companyId, params: { id }, query: { output } }) => {
        const from = lastEventId(c);
        await getSituation(parts.db, companyId, id);
        return eventStream(c, parts, watchedRun(parts.db, id), { output, from });
      },
    ),
  ];
}

/** The run's execution as soon as there is one; null when the run ended without. */
async function executionOf(parts: ApiParts, runId: string, signal: AbortSignal): Promise<string | null> {
  for await (const news of watch(parts, watchedRun(parts.db, runId), {}, signal)) {
    if (news.kind === "end" || (news.kind === "state" && news.executionId !== null)) break;
  }
  return (await findSituation(parts.db, runId))?.execution?.id ?? null;
}
