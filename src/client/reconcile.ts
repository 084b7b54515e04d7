import type { Abortable, Transport } from "./transport.ts";
import type { Reconcile as Report } from "./wire.ts";

/** What comparing providers with the fleet's rows found. Needs an operator's token. */
export class Reconcile {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What each place held when it was last listed, what of it no lease explains, and whether everything is held back. */
  get(options: Abortable = {}): Promise<Report> {
    return this.#transport.json({ path: "/v1/reconcile", repeatable: true, signal: options.signal });
  }

  /** Has every place compared as soon as its workers look. */
  run(options: Abortable = {}): Promise<Report> {
    return this.#transport.json({ method: "POST", path: "/v1/reconcile/run", repeatable: true, signal: options.signal });
  }

  /** Says that this database is the right one: what no lease explains is given back from now on. */
  confirm(options: Abortable = {}): Promise<Report> {
    return this.#transport.json({ method: "POST", path: "/v1/reconcile/confirm", repeatable: false, signal: options.signal });
  }
}
