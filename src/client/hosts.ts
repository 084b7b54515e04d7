import { type Abortable, pagesOf, type Transport } from "./transport.ts";
import type { Host, Page } from "./wire.ts";

/** Machines that run workers. For operators' tokens. */
export class Hosts {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Hosts, the one that is known longest first. */
  list({ pageSize, signal }: Abortable & { readonly pageSize?: number | undefined } = {}): AsyncGenerator<Host> {
    return pagesOf((cursor) => this.#transport.json<Page<Host>>({ path: "/v1/hosts", query: { limit: pageSize, cursor }, repeatable: true, signal }));
  }

  /** By id or by name. */
  get(idOrName: string, options: Abortable = {}): Promise<Host> {
    return this.#transport.json({ path: at(idOrName), repeatable: true, signal: options.signal });
  }

  /** Has the host be given no new leases. It goes on with all it has. */
  drain(idOrName: string, options: Abortable = {}): Promise<Host> {
    return this.#transport.json({ method: "POST", path: `${at(idOrName)}/drain`, repeatable: true, signal: options.signal });
  }

  /** Has it be given leases again. */
  undrain(idOrName: string, options: Abortable = {}): Promise<Host> {
    return this.#transport.json({ method: "POST", path: `${at(idOrName)}/undrain`, repeatable: true, signal: options.signal });
  }
}

const at = (idOrName: string): string => `/v1/hosts/${encodeURIComponent(idOrName)}`;
