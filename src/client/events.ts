import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { StreamName } from "../domain/execution.ts";
import type { Outcome } from "../domain/outcome.ts";
import { unreachable } from "./error.ts";
import { Patience } from "./retry.ts";
import { bodyOf, type Transport } from "./transport.ts";
import type { EndEvent, ExecutionStateEvent, OutputEvent, StateEvent } from "./wire.ts";

/** What happens to something with a command. `id` is where to go on from after this event. */
type EventOf<S> =
  | ({ readonly type: "state"; readonly id: string } & S)
  | { readonly type: "output"; readonly id: string; readonly stream: StreamName; readonly start: number; readonly bytes: Uint8Array }
  | { readonly type: "end"; readonly id: string; readonly outcome: Outcome };

/** What happens to a run. */
export type RunEvent = EventOf<StateEvent>;
/** What happens to an execution by itself. */
export type ExecutionEvent = EventOf<ExecutionStateEvent>;

export interface EventsOptions {
  /** Id of the last event that was seen; without it, from the beginning. */
  readonly from?: string;
  /** Whether to have the output too. Default true. */
  readonly output?: boolean;
  readonly signal?: AbortSignal;
}

/** The server says something every 15 s; after this many milliseconds of silence nobody is there any more. */
const longestSilence = 45_000;

/** Events of what is at `at`, up to and with its `end`. When the connection breaks, goes on after the last event given. */
export async function* eventsOf<S>(transport: Transport, at: string, options: EventsOptions): AsyncGenerator<EventOf<S>> {
  const { output = true, signal } = options;
  const patience = new Patience(transport.patience);
  let last = options.from;
  for (;;) {
    const silence = new Silence(longestSilence);
    const either = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
    try {
      const response = await transport.send({
        path: `${at}/events`,
        query: { output: output ? undefined : false },
        headers: { accept: "text/event-stream", ...(last === undefined ? {} : { "last-event-id": last }) },
        repeatable: true,
        signal: either,
      });
      patience.succeeded();
      for await (const event of parsed<S>(silence.broken(bodyOf(response, transport.url, either)))) {
        last = event.id;
        yield event;
        if (event.type === "end") return;
      }
      throw unreachable(transport.url, new Error("the events broke off before their end"));
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

async function* parsed<S>(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<EventOf<S>> {
  const ready: EventOf<S>[] = [];
  const parser = createParser({
    onEvent: (message) => {
      const event = eventOf<S>(message);
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
function eventOf<S>({ event, id = "", data }: EventSourceMessage): EventOf<S> | null {
  switch (event) {
    case "state":
      return { type: "state", id, ...(JSON.parse(data) as S) };
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
