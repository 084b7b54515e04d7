import type { Context } from "hono";
import type { OutputEvent } from "../wire/events.ts";
import { limits, timing } from "../domain/defaults.ts";
import { invalid } from "../domain/errors.ts";
import type { StreamSizes } from "../domain/execution.ts";
import type { FollowParts } from "../output/follow.ts";
import { byteStream } from "./byte-stream.ts";
import { flag } from "./input.ts";
import { type News, watch, type Watched } from "./watch.ts";

const heartbeat = { bytes: Buffer.from(": still here\n\n"), everyMs: timing.heartbeat };

/** What a request for events says. */
export interface EventsWish {
  readonly output: boolean;
  /** Where the last event that was seen left off. */
  readonly from: StreamSizes;
}

/** The query of a request for events. */
export const eventsQuery = { output: flag.default(true) };

/**
 * What happens to a run or an execution as server-sent events: `state`, `output` and at last `end`. Every event's id is
 * "<stdout offset>-<stderr offset>", so that whoever sends the last one as `Last-Event-ID` misses no byte and gets none twice.
 */
export function eventStream<S>(c: Context, parts: FollowParts, watched: Watched<S>, { output, from }: EventsWish): Response {
  const gone = new AbortController();
  const news = watch(parts, watched, output ? { ...from } : {}, gone.signal);
  return c.body(byteStream(serverSent(news, from), { gone, heartbeat }), 200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    // Proxies that collect answers before passing them on would hold live events back.
    "x-accel-buffering": "no",
  });
}

/** Where the header says that the last event left off. Throws `invalid` `last_event_id_invalid`. */
export function lastEventId(c: Context): StreamSizes {
  const header = c.req.header("last-event-id");
  if (header === undefined || header === "") return { stdout: 0, stderr: 0 };
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(header);
  if (match === null) throw invalid("last_event_id_invalid", "Last-Event-ID must be the id of an event, like 120-0; leave it out to begin at the beginning");
  return { stdout: Number(match[1]), stderr: Number(match[2]) };
}

async function* serverSent<S>(all: AsyncGenerator<News<S>>, from: StreamSizes): AsyncGenerator<Uint8Array> {
  const at = { ...from };
  for await (const whole of all) {
    for (const news of inEvents(whole)) {
      if (news.kind === "output") at[news.stream] = news.start + news.bytes.length;
      yield Buffer.from(`id: ${at.stdout}-${at.stderr}\nevent: ${news.kind}\ndata: ${JSON.stringify(dataOf(news))}\n\n`);
    }
  }
}

/** Output in pieces whose text stays short: V8 gives a longer one memory of its own every time, which costs many times the writing. */
function* inEvents<S>(news: News<S>): Generator<News<S>> {
  if (news.kind !== "output") return yield news;
  for (let at = 0; at < news.bytes.length; at += limits.outputRow) yield { ...news, start: news.start + at, bytes: news.bytes.subarray(at, at + limits.outputRow) };
}

function dataOf<S>(news: News<S>): unknown {
  if (news.kind === "output") return { stream: news.stream, start: news.start, bytes: news.bytes.toString("base64") } satisfies OutputEvent;
  const { kind: _, ...data } = news;
  return data;
}
