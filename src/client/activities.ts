import { type Abortable, pagesOf, type Transport } from "./transport.ts";
import type { Activity, Page } from "./wire.ts";

export interface ListActivityOptions extends Abortable {
  /** Only this, like `environment.created`. */
  readonly action?: string;
  /** Only what is about this: an environment's, lease's, token's or company's id. */
  readonly entity?: string;
  /** Only what happened for this run. */
  readonly run?: string;
  readonly pageSize?: number;
}

/** What happened in a company. */
export class Activities {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Newest first. */
  list({ action, entity, run, pageSize, signal }: ListActivityOptions = {}): AsyncGenerator<Activity> {
    return pagesOf((cursor) => this.#transport.json<Page<Activity>>({ path: "/v1/activity", query: { action, entity, run, limit: pageSize, cursor }, repeatable: true, signal }));
  }
}
