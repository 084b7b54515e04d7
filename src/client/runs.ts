import type { RunResult } from "../domain/outcome.ts";
import { eventsOf, type EventsOptions, type RunEvent } from "./events.ts";
import { type CollectOptions, type Finished, Followed } from "./followed.ts";
import { outputOf, type OutputOptions } from "./output.ts";
import type { RunRequestInput as RunRequest } from "../domain/request-input.ts";
import { type Abortable, pagesOf, type Keyed, type Transport } from "./transport.ts";
import { orUndo } from "./undo.ts";
import type { Page, Run, RunSummary, StateEvent } from "./wire.ts";

export interface ListRunsOptions extends Abortable {
  /** Only runs that have not ended. */
  readonly open?: boolean | undefined;
  readonly result?: RunResult | undefined;
  /** Id or name. */
  readonly environment?: string | undefined;
  /** The producer's own ids. */
  readonly producer?: RunRequest["producer"];
  /** Accepted at this moment or later. */
  readonly since?: Date | undefined;
  /** Accepted before this moment. */
  readonly until?: Date | undefined;
  /** Runs fetched at once. */
  readonly pageSize?: number | undefined;
}

/** A run that this program follows. It goes on whether or not anybody does. */
export type RunHandle = Followed<Run, RunEvent>;

export class Runs {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Asks for a run. Once this gives one it will be carried out, whatever dies. */
  async create(request: RunRequest, options: Keyed = {}): Promise<Run> {
    return (await this.#transport.make<Run>("/v1/runs", request, options)).value;
  }

  /** The same, given as a handle: `for await (const { bytes } of await runs.start(["ls"])) ...`. */
  async start(what: readonly string[] | RunRequest, options: Keyed = {}): Promise<RunHandle> {
    return this.handle((await this.create(requestOf(what), options)).id);
  }

  /** Has a command run to its end, and gives what it printed. An abort cancels the run, unless it was there before under the same key. */
  run(what: readonly string[] | RunRequest, options: Keyed & CollectOptions = {}): Promise<Finished<Run>> {
    const { idempotencyKey, limit, signal } = options;
    return orUndo(
      signal,
      (patient) => this.#transport.make<Run>("/v1/runs", requestOf(what), { idempotencyKey, ...patient }),
      ({ id }) => this.handle(id).collect({ limit, signal }),
      ({ id }, within) => (signal?.aborted === true ? this.cancel(id, within) : Promise.resolve()),
    );
  }

  /** A handle of a run that is there. */
  handle(id: string): RunHandle {
    return new Followed<Run, RunEvent>(id, this, (run) => run.execution);
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
  async retry(id: string, options: Keyed = {}): Promise<Run> {
    return (await this.#transport.make<Run>(`${at(id)}/retry`, undefined, options)).value;
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
const isArgv = (what: readonly string[] | RunRequest): what is readonly string[] => Array.isArray(what);
const requestOf = (what: readonly string[] | RunRequest): RunRequest => (isArgv(what) ? { command: [...what] } : what);
