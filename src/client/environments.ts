import { type Abortable, pagesOf, type Transport } from "./transport.ts";
import type { DefaultEnvironment, Environment, EnvironmentChange, EnvironmentWithUse, NewEnvironment, Page, Probe, UnsavedEnvironment } from "./wire.ts";

export interface ListEnvironmentsOptions extends Abortable {
  /** Only environments of this driver, like `local`. */
  readonly driver?: string | undefined;
  readonly status?: Environment["status"] | undefined;
  /** Environments fetched at once. */
  readonly pageSize?: number | undefined;
}

export class Environments {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Makes an environment. Not tried again by itself: a second try could meet the first one's name. */
  create(environment: NewEnvironment, options: Abortable = {}): Promise<Environment> {
    return this.#transport.json({ method: "POST", path: "/v1/environments", body: environment, repeatable: false, signal: options.signal });
  }

  /** By id or by name. */
  get(idOrName: string, options: Abortable = {}): Promise<Environment> {
    return this.#transport.json({ path: at(idOrName), repeatable: true, signal: options.signal });
  }

  /** Environments, by name. */
  list({ driver, status, pageSize, signal }: ListEnvironmentsOptions = {}): AsyncGenerator<Environment> {
    return pagesOf((cursor) =>
      this.#transport.json<Page<Environment>>({ path: "/v1/environments", query: { driver, status, limit: pageSize, cursor }, repeatable: true, signal }),
    );
  }

  /** Changes what is given; null unsets. Leases that are there keep the config they were made with. Tried again by itself unless it changes the name. */
  update(idOrName: string, change: EnvironmentChange, options: Abortable = {}): Promise<Environment> {
    return this.#transport.json({ method: "PATCH", path: at(idOrName), body: change, repeatable: change.name === undefined, signal: options.signal });
  }

  /** Lets no new lease be made there. Those that are open end by themselves; what waits for its first claim ends now. */
  archive(idOrName: string, options: Abortable = {}): Promise<EnvironmentWithUse> {
    return this.#transport.json({ method: "POST", path: `${at(idOrName)}/archive`, repeatable: true, signal: options.signal });
  }

  /** Lets leases be made there again. */
  unarchive(idOrName: string, options: Abortable = {}): Promise<EnvironmentWithUse> {
    return this.#transport.json({ method: "POST", path: `${at(idOrName)}/unarchive`, repeatable: true, signal: options.signal });
  }

  /**
   * Deletes an environment that nothing uses, and gives it as it was; else throws `environment_in_use` (409), whose `errors` say
   * what does. Not tried again by itself: a second try would not find it.
   */
  delete(idOrName: string, options: Abortable = {}): Promise<Environment> {
    return this.#transport.json({ method: "DELETE", path: at(idOrName), repeatable: false, signal: options.signal });
  }

  /**
   * Has a worker look whether the environment can be used, which takes up to 35 s. `ok: false` is an answer; it throws when
   * nobody could look. Not tried again by itself: who asks wants to know how it is now.
   */
  probe(idOrName: string, options: Abortable = {}): Promise<Probe> {
    return this.#transport.json({ method: "POST", path: `${at(idOrName)}/probe`, repeatable: false, signal: options.signal });
  }

  /** The same for one that is not saved. */
  probeConfig(environment: UnsavedEnvironment, options: Abortable = {}): Promise<Probe> {
    return this.#transport.json({ method: "POST", path: "/v1/environments/probe", body: environment, repeatable: false, signal: options.signal });
  }

  /** The environment of runs that name none; null when that is the company's local one. */
  async getDefault(options: Abortable = {}): Promise<Environment | null> {
    return (await this.#transport.json<DefaultEnvironment>({ path: "/v1/default-environment", repeatable: true, signal: options.signal })).environment;
  }

  /** Has runs that name no environment get this one; null for the company's local one. */
  async setDefault(idOrName: string | null, options: Abortable = {}): Promise<Environment | null> {
    const call = { method: "PUT", path: "/v1/default-environment", body: { environment: idOrName }, repeatable: true, signal: options.signal } as const;
    return (await this.#transport.json<DefaultEnvironment>(call)).environment;
  }
}

const at = (idOrName: string): string => `/v1/environments/${encodeURIComponent(idOrName)}`;
