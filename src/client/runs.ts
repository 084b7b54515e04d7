import { randomUUID } from "node:crypto";
import type { RunResult } from "../domain/outcome.ts";
import type { RunRequestInput } from "../domain/request.ts";
import { eventsOf, type EventsOptions, type RunEvent } from "./events.ts";
import { outputOf, type OutputOptions } from "./output.ts";
import { type Abortable, pagesOf, type Keyed, type Transport } from "./transport.ts";
import type { Page, Run, RunSummary, StateEvent } from "./wire.ts";

export interface ListRunsOptions extends Abortable {
  /** Only runs that have not ended. */
  readonly open?: boolean;
  readonly result?: RunResult;
  /** Id or name. */
  readonly environment?: string;
  /** The producer's own ids. */
  readonly producer?: RunRequestInput["producer"];
  /** Accepted at this moment or later. */
  readonly since?: Date;
  /** Accepted before this moment. */
  readonly until?: Date;
  /** Runs fetched at once. */
  readonly pageSize?: number;
}

export class Runs {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Asks for a run. Once this gives one it will be carried out, whatever dies. */
  create(request: RunRequestInput, options: Keyed = {}): Promise<Run> {
    const key = options.idempotencyKey ?? randomUUID();
    return this.#transport.json({ method: "POST", path: "/v1/runs", body: request, headers: { "idempotency-key": key }, repeatable: true, signal: options.signal });
  }

  get(id: string, options: Abortable = {}): Promise<Run> {
    return this.#transport.json({ path: at(id), repeatable: true, signal: options.signal });
  }

  /** Runs, newest first. */
  list({ producer, since, until, pageSize, signal, ...filters }: ListRunsOptions = {}): AsyncGenerator<RunSummary> {
    const query = {
      ...filters,
      producerRunId: producer?.runId,
      producerIssueId: producer?.issueId,
      producerAgentId: producer?.agentId,
      producerWorkspaceId: producer?.executionWorkspaceId,
      since: since?.toISOString(),
      until: until?.toISOString(),
      limit: pageSize,
    };
    return pagesOf((cursor) => this.#transport.json<Page<RunSummary>>({ path: "/v1/runs", query: { ...query, cursor }, repeatable: true, signal }));
  }

  /** Asks for what an ended run asked for once more, as a run of its own. */
  retry(id: string, options: Keyed = {}): Promise<Run> {
    const key = options.idempotencyKey ?? randomUUID();
    return this.#transport.json({ method: "POST", path: `${at(id)}/retry`, headers: { "idempotency-key": key }, repeatable: true, signal: options.signal });
  }

  /** Asks for a run's end, in whatever phase it is. Its outcome comes with its `end`. */
  cancel(id: string, options: Abortable = {}): Promise<Run> {
    return this.#transport.json({ method: "POST", path: `${at(id)}/cancel`, repeatable: true, signal: options.signal });
  }

  /** The exact bytes of a stream. */
  output(id: string, options: OutputOptions = {}): AsyncGenerator<Uint8Array> {
    return outputOf(this.#transport, at(id), options);
  }

  /** Everything that happens to a run, up to and with its end. */
  events(id: string, options: EventsOptions = {}): AsyncGenerator<RunEvent> {
    return eventsOf<StateEvent>(this.#transport, at(id), options);
  }

  /** The run, once it has ended: its outcome is known and its environment was given back. */
  async wait(id: string, options: Abortable = {}): Promise<Run> {
    for await (const event of this.events(id, { ...options, output: false })) if (event.type === "end") break;
    return this.get(id, options);
  }
}

const at = (id: string): string => `/v1/runs/${encodeURIComponent(id)}`;
