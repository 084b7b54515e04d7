import { type Abortable, pagesOf, type Transport } from "./transport.ts";
import type { Company, NewCompany, Page } from "./wire.ts";

/** What each company may have at once. Needs an operator's token. */
export class Companies {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Makes a company. Not tried again by itself: a second try could meet the first one's name. */
  create(company: NewCompany, options: Abortable = {}): Promise<Company> {
    return this.#transport.json({ method: "POST", path: "/v1/companies", body: company, repeatable: false, signal: options.signal });
  }

  /** All companies of the fleet, by name. */
  list({ pageSize, signal }: Abortable & { readonly pageSize?: number | undefined } = {}): AsyncGenerator<Company> {
    return pagesOf((cursor) => this.#transport.json<Page<Company>>({ path: "/v1/companies", query: { limit: pageSize, cursor }, repeatable: true, signal }));
  }

  /** By name. */
  get(name: string, options: Abortable = {}): Promise<Company> {
    return this.#transport.json({ path: at(name), repeatable: true, signal: options.signal });
  }

  /** How many leases a company may have at once, over all its environments; null for as many as come. What it has, it keeps. */
  limit(name: string, maxLeases: number | null, options: Abortable = {}): Promise<Company> {
    return this.#transport.json({ method: "PATCH", path: at(name), body: { maxLeases }, repeatable: true, signal: options.signal });
  }
}

const at = (name: string): string => `/v1/companies/${encodeURIComponent(name)}`;
