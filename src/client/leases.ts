import type { LeaseState } from "../domain/lease.ts";
import { pagesOf, type Transport } from "./transport.ts";
import type { Lease, LeaseSummary, Page } from "./wire.ts";

export class Leases {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get(id: string, options: { signal?: AbortSignal } = {}): Promise<Lease> {
    return this.#transport.json({ path: at(id), repeatable: true, signal: options.signal });
  }

  /** Leases, newest first. */
  list({ state, pageSize, signal }: { state?: LeaseState; pageSize?: number; signal?: AbortSignal } = {}): AsyncGenerator<LeaseSummary> {
    return pagesOf((cursor) => this.#transport.json<Page<LeaseSummary>>({ path: "/v1/leases", query: { state, limit: pageSize, cursor }, repeatable: true, signal }));
  }

  /** Gives a lease back. A run that still needs it ends with `lease_ended`. */
  release(id: string, options: { signal?: AbortSignal } = {}): Promise<Lease> {
    return this.#transport.json({ method: "POST", path: `${at(id)}/release`, repeatable: true, signal: options.signal });
  }
}

const at = (id: string): string => `/v1/leases/${encodeURIComponent(id)}`;
