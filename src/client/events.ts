import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { StreamName } from "../domain/execution.ts";
import type { Outcome } from "../domain/outcome.ts";
import { unreachable } from "./error.ts";
import { Patience } from "./retry.ts";
import { bodyOf, type Transport } from "./transport.ts";
import type { EndEvent, OutputEvent, StateEvent } from "./wire.ts";

/** What happens to a run. `id` is where to go on from after this event. */
export type RunEvent =
  | ({ readonly type: "state"; readonly id: string } & StateEvent)
  | { readonly type: "output"; readonly id: string; readonly stream: StreamName; readonly start: number; readonly bytes: Uint8Array }
  | { readonly type: "end"; readonly id: string; readonly outcome: Outcome };

export interface EventsOptions {
  /** Id of the last event that was seen; without it, from the beginning. */
  readonly from?: string;
  /** Whether to have the output too. Default true. */
  readonly output?: boolean;
  readonly signal?: AbortSignal;
}

/** The server says something every 15 s; after this many milliseconds of silence nobody is there any more. */
const longestSilence = 45_000;

/** A run's events up to and with its `end`. When the connection breaks, goes on after the last event given. */
export async function* eventsOf(transport: Transport, runId: string, options: EventsOptions): AsyncGenerator<RunEvent> {
  const { output = true, signal } = options;
  const patience = new Patience(transport.patience);
  let last = options.from;
  for (;;) {
    const silence = new Silence(longestSilence);
    const either = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
    try {
      const response = await transport.send({
        path: `/v1/runs/${encodeURIComponent(runId)}/events`,
        query: { output: output ? undefined : false },
        headers: { accept: "text/event-stream", ...(last === undefined ? {} : { "last-event-id": last }) },
        repeatable: true,
        signal: either,
      });
      patience.succeeded();
      for await (const event of parsed(silence.broken(bodyOf(response, transport.url, either)))) {
        last = event.id;
        yield event;
        if (event.type === "end") return;
      }
      throw unreachable(transport.url, new Error("the events ended before the run did"));
    } catch (error) {
      await patience.after(silence.signal.aborted && signal?.aborted !== true ? unreachable(transport.url, silence.signal.reason) : error, signal);
    } finally {
      silence.end();
    }
  }
}

/** Notices when nothing comes any more, not even a heartbeat. */
class Silence {
  readonly #gone = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number) {
    this.#timer = setTimeout(() => this.#gone.abort(new Error(`nothing was heard for ${ms / 1000} seconds`)), ms);
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  async *broken(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.#timer.refresh();
      yield piece;
    }
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

async function* parsed(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<RunEvent> {
  const ready: RunEvent[] = [];
  const parser = createParser({
    onEvent: (message) => {
      const event = eventOf(message);
      if (event !== null) ready.push(event);
    },
  });
  const decoder = new TextDecoder();
  for await (const piece of pieces) {
    parser.feed(decoder.decode(piece, { stream: true }));
    yield* ready.splice(0);
  }
}

/** Null for kinds of events that a newer server may send. */
function eventOf({ event, id = "", data }: EventSourceMessage): RunEvent | null {
  switch (event) {
    case "state":
      return { type: "state", id, ...(JSON.parse(data) as StateEvent) };
    case "end":
      return { type: "end", id, ...(JSON.parse(data) as EndEvent) };
    case "output": {
      const { stream, start, bytes } = JSON.parse(data) as OutputEvent;
      return { type: "output", id, stream, start, bytes: Buffer.from(bytes, "base64") };
    }
    default:
      return null;
  }
}
