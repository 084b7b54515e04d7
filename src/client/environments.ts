import { pagesOf, type Transport } from "./transport.ts";
import type { Environment, NewEnvironment, Page } from "./wire.ts";

export class Environments {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Makes an environment. Not tried again by itself: a second try could meet the first one's name. */
  create(environment: NewEnvironment, options: { signal?: AbortSignal } = {}): Promise<Environment> {
    return this.#transport.json({ method: "POST", path: "/v1/environments", body: environment, repeatable: false, signal: options.signal });
  }

  /** By id or by name. */
  get(idOrName: string, options: { signal?: AbortSignal } = {}): Promise<Environment> {
    return this.#transport.json({ path: `/v1/environments/${encodeURIComponent(idOrName)}`, repeatable: true, signal: options.signal });
  }

  /** Environments, by name. */
  list({ pageSize, signal }: { pageSize?: number; signal?: AbortSignal } = {}): AsyncGenerator<Environment> {
    return pagesOf((cursor) => this.#transport.json<Page<Environment>>({ path: "/v1/environments", query: { limit: pageSize, cursor }, repeatable: true, signal }));
  }
}
