import type { MasterKey, NewSecret, Page, Secret, SecretAccess, SecretStore, SecretSummary } from "./wire.ts";
import { type Abortable, pagesOf, type Transport } from "./transport.ts";

/** A company's secrets. Values go in and never come out: runs and environments refer to them by id. */
export class Secrets {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Keeps a secret. Not tried again by itself: a second try could meet the first one's name. */
  create(secret: NewSecret, options: Abortable = {}): Promise<Secret> {
    return this.#transport.json({ method: "POST", path: "/v1/secrets", body: secret, repeatable: false, signal: options.signal });
  }

  /** By id or by name. */
  get(idOrName: string, options: Abortable = {}): Promise<Secret> {
    return this.#transport.json({ path: at(idOrName), repeatable: true, signal: options.signal });
  }

  /** Secrets, by name. */
  list({ pageSize, signal }: Abortable & { readonly pageSize?: number } = {}): AsyncGenerator<SecretSummary> {
    return pagesOf((cursor) => this.#transport.json<Page<SecretSummary>>({ path: "/v1/secrets", query: { limit: pageSize, cursor }, repeatable: true, signal }));
  }

  /** Gives it a new value, its latest version from now on. Not tried again by itself: each try makes a version. */
  rotate(idOrName: string, value: string, options: Abortable = {}): Promise<Secret> {
    return this.#transport.json({ method: "POST", path: `${at(idOrName)}/versions`, body: { value }, repeatable: false, signal: options.signal });
  }

  /** Refuses new uses. `openLeases` says how many leases go on with it. */
  disable(idOrName: string, options: Abortable = {}): Promise<Secret> {
    return this.#transport.json({ method: "POST", path: `${at(idOrName)}/disable`, repeatable: true, signal: options.signal });
  }

  enable(idOrName: string, options: Abortable = {}): Promise<Secret> {
    return this.#transport.json({ method: "POST", path: `${at(idOrName)}/enable`, repeatable: true, signal: options.signal });
  }

  /** Deletes it, its values at once. Refused while environments refer to it, unless by force. */
  remove(idOrName: string, { force, signal }: Abortable & { readonly force?: boolean } = {}): Promise<Secret> {
    return this.#transport.json({ method: "DELETE", path: at(idOrName), query: { force }, repeatable: false, signal });
  }

  /** Who was given it, newest first. */
  accesses(idOrName: string, { pageSize, signal }: Abortable & { readonly pageSize?: number } = {}): AsyncGenerator<SecretAccess> {
    return pagesOf((cursor) => this.#transport.json<Page<SecretAccess>>({ path: `${at(idOrName)}/accesses`, query: { limit: pageSize, cursor }, repeatable: true, signal }));
  }

  /** The stores outside that the company may read. */
  async stores(options: Abortable = {}): Promise<readonly SecretStore[]> {
    return (await this.#transport.json<{ items: SecretStore[] }>({ path: "/v1/secret-stores", repeatable: true, signal: options.signal })).items;
  }

  /** Master keys of the fleet, newest first, and how many values are sealed under each. Needs an operator's token. */
  async masterKeys(options: Abortable = {}): Promise<readonly MasterKey[]> {
    return (await this.#transport.json<{ items: MasterKey[] }>({ path: "/v1/master-keys", repeatable: true, signal: options.signal })).items;
  }

  /** Forgets a key under which nothing is sealed any more. Needs an operator's token. */
  async forgetMasterKey(id: string, options: Abortable = {}): Promise<readonly MasterKey[]> {
    return (await this.#transport.json<{ items: MasterKey[] }>({ method: "DELETE", path: `/v1/master-keys/${encodeURIComponent(id)}`, repeatable: false, signal: options.signal })).items;
  }
}

const at = (idOrName: string): string => `/v1/secrets/${encodeURIComponent(idOrName)}`;
