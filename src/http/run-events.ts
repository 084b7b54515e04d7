import type { Context, Hono } from "hono";
import type { EndEvent, OutputEvent, StateEvent } from "../client/wire.ts";
import { getSituation } from "../db/runs.ts";
import { timing } from "../domain/defaults.ts";
import { invalid } from "../domain/errors.ts";
import type { StreamSizes } from "../domain/execution.ts";
import { byteStream } from "./byte-stream.ts";
import { flag, pathId, readQuery } from "./input.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { type RunNews, watchRun } from "./watch-run.ts";

const heartbeat = { bytes: Buffer.from(": still here\n\n"), everyMs: timing.heartbeat };

/**
 * A run as server-sent events: `state`, `output` and at last `end`. Every event's id is "<stdout offset>-<stderr offset>", so
 * that whoever sends the last one as `Last-Event-ID` misses no byte and gets none twice.
 */
export function runEventsRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  api.get("/v1/runs/:id/events", async (c) => {
    const id = pathId(c, "run");
    const { output } = readQuery(c, { output: flag.default(true) });
    const from = lastEventId(c);
    await getSituation(parts.db, c.var.identity.companyId, id);
    const gone = new AbortController();
    const news = watchRun(parts, id, output ? { ...from } : {}, gone.signal);
    return c.body(byteStream(serverSent(news, from), { gone, heartbeat }), 200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      // Proxies that collect answers before passing them on would hold live events back.
      "x-accel-buffering": "no",
    });
  });
}

function lastEventId(c: Context): StreamSizes {
  const header = c.req.header("last-event-id");
  if (header === undefined || header === "") return { stdout: 0, stderr: 0 };
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(header);
  if (match === null) throw invalid("last_event_id_invalid", "Last-Event-ID must be the id of an event, like 120-0; leave it out to begin at the beginning");
  return { stdout: Number(match[1]), stderr: Number(match[2]) };
}

async function* serverSent(all: AsyncGenerator<RunNews>, from: StreamSizes): AsyncGenerator<Uint8Array> {
  const at = { ...from };
  for await (const news of all) {
    if (news.kind === "output") at[news.stream] = news.start + news.bytes.length;
    yield Buffer.from(`id: ${at.stdout}-${at.stderr}\nevent: ${news.kind}\ndata: ${JSON.stringify(dataOf(news))}\n\n`);
  }
}

function dataOf(news: RunNews): StateEvent | OutputEvent | EndEvent {
  if (news.kind === "output") return { stream: news.stream, start: news.start, bytes: news.bytes.toString("base64") };
  const { kind: _, ...data } = news;
  return data;
}
