import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { StreamName } from "../domain/execution.ts";
import type { Outcome } from "../domain/outcome.ts";
import { Silence } from "./body.ts";
import { unreachable } from "./error.ts";
import { Patience } from "./retry.ts";
import type { Abortable, Transport } from "./transport.ts";
import type { EndEvent, ExecutionStateEvent, OutputEvent, StateEvent } from "./wire.ts";

/** What happens to something with a command. `id` is where to go on from after this event. */
export type EventOf<S> =
  | ({ readonly type: "state"; readonly id: string } & S)
  | { readonly type: "output"; readonly id: string; readonly stream: StreamName; readonly start: number; readonly bytes: Uint8Array }
  | { readonly type: "end"; readonly id: string; readonly outcome: Outcome };

/** What happens to a run. */
export type RunEvent = EventOf<StateEvent>;
/** What happens to an execution by itself. */
export type ExecutionEvent = EventOf<ExecutionStateEvent>;

export interface EventsOptions extends Abortable {
  /** Id of the last event that was seen; without it, from the beginning. */
  readonly from?: string | undefined;
  /** Whether to have the output too. Default true. */
  readonly output?: boolean | undefined;
}

/** The server says something every 15 s; after this many milliseconds of silence nobody is there any more. */
const longestSilence = 45_000;

/** Events of what is at `at`, up to and with its `end`. When the connection breaks, goes on after the last event given. */
export async function* eventsOf<S>(transport: Transport, at: string, options: EventsOptions): AsyncGenerator<EventOf<S>> {
  const { output = true, signal } = options;
  const patience = new Patience(transport.patience);
  let last = options.from;
  for (;;) {
    const silence = new Silence(transport.url, longestSilence, signal);
    try {
      const response = await transport.send({
        path: `${at}/events`,
        query: { output: output ? undefined : false },
        headers: { accept: "text/event-stream", ...(last === undefined ? {} : { "last-event-id": last }) },
        repeatable: true,
        signal: silence.signal,
      });
      patience.succeeded();
      for await (const event of parsed<S>(silence.broken(response))) {
        last = event.id;
        yield event;
        if (event.type === "end") return;
      }
      throw unreachable(transport.url, new Error("the events broke off before their end"));
    } catch (error) {
      await patience.after(error, signal);
    }
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
