import { eventsOf, type EventsOptions, type ExecutionEvent } from "./events.ts";
import { outputOf, type OutputOptions } from "./output.ts";
import type { Abortable, Transport } from "./transport.ts";
import type { Execution, ExecutionStateEvent } from "./wire.ts";

/** Commands by themselves. `leases.execute` makes them. */
export class Executions {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get(id: string, options: Abortable = {}): Promise<Execution> {
    return this.#transport.json({ path: at(id), repeatable: true, signal: options.signal });
  }

  /** Asks for a command's end. Its lease, and the other commands there, go on. */
  cancel(id: string, options: Abortable = {}): Promise<Execution> {
    return this.#transport.json({ method: "POST", path: `${at(id)}/cancel`, repeatable: true, signal: options.signal });
  }

  /** The exact bytes of a stream. */
  output(id: string, options: OutputOptions = {}): AsyncGenerator<Uint8Array> {
    return outputOf(this.#transport, at(id), options);
  }

  /** Everything that happens to an execution, up to and with its end. */
  events(id: string, options: EventsOptions = {}): AsyncGenerator<ExecutionEvent> {
    return eventsOf<ExecutionStateEvent>(this.#transport, at(id), options);
  }

  /** The execution, once it has ended. */
  async wait(id: string, options: Abortable = {}): Promise<Execution> {
    for await (const event of this.events(id, { ...options, output: false })) if (event.type === "end") break;
    return this.get(id, options);
  }
}

const at = (id: string): string => `/v1/executions/${encodeURIComponent(id)}`;
