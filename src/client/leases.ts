import type { LeaseState } from "../domain/lease.ts";
import { LeaseholdRequestError } from "./error.ts";
import type { Executions } from "./executions.ts";
import { HeldLease } from "./held-lease.ts";
import type { ExecutionRequestInput as ExecutionRequest, LeaseRequestInput as LeaseRequest } from "../domain/request-input.ts";
import { pause } from "./retry.ts";
import { type Abortable, type Keyed, pagesOf, type Transport } from "./transport.ts";
import { orUndo } from "./undo.ts";
import type { Execution, ExecutionSummary, Lease, LeaseSummary, Page } from "./wire.ts";

export interface AcquireOptions extends Keyed {
  /** Told whenever what the lease waits for may have changed. */
  readonly onWaiting?: ((lease: Lease) => void) | undefined;
  /** How often the lease is renewed from then on. Milliseconds, default 30 s; a lease lives two minutes without. */
  readonly renewEveryMs?: number | undefined;
}

export interface ListLeasesOptions extends Abortable {
  readonly state?: LeaseState | undefined;
  /** Id or name. */
  readonly environment?: string | undefined;
  /** Id of a run. */
  readonly run?: string | undefined;
  /** Only leases that have not ended. */
  readonly open?: boolean | undefined;
  /** Leases fetched at once. */
  readonly pageSize?: number | undefined;
}

/** Between two looks at a lease that is not active yet: it is quick, or takes long. Milliseconds. */
const firstLook = 100;
const longestLook = 2000;

export class Leases {
  readonly #transport: Transport;
  readonly #executions: Executions;

  constructor(transport: Transport, executions: Executions) {
    this.#transport = transport;
    this.#executions = executions;
  }

  /** Asks for an ad-hoc lease, whose holder is the caller. Once it is active, `renew` it within two minutes, again and again. */
  async create(request: LeaseRequest = {}, options: Keyed = {}): Promise<Lease> {
    return (await this.#transport.make<Lease>("/v1/leases", request, options)).value;
  }

  get(id: string, options: Abortable = {}): Promise<Lease> {
    return this.#transport.json({ path: at(id), repeatable: true, signal: options.signal });
  }

  /** Leases, newest first. */
  list({ pageSize, signal, ...filters }: ListLeasesOptions = {}): AsyncGenerator<LeaseSummary> {
    return pagesOf((cursor) => this.#transport.json<Page<LeaseSummary>>({ path: "/v1/leases", query: { ...filters, limit: pageSize, cursor }, repeatable: true, signal }));
  }

  /** Keeps an ad-hoc lease for one more lease life from now, as far as its hard end allows. */
  renew(id: string, options: Abortable = {}): Promise<Lease> {
    return this.#transport.json({ method: "POST", path: `${at(id)}/renew`, repeatable: true, signal: options.signal });
  }

  /** Asks for a command in an ad-hoc lease. Once this gives one, it is started at most once and ends with an outcome. */
  async execute(id: string, request: ExecutionRequest, options: Keyed = {}): Promise<Execution> {
    return (await this.#transport.make<Execution>(`${at(id)}/executions`, request, options)).value;
  }

  /** A lease's executions, newest first. */
  executions(id: string, { pageSize, signal }: Omit<ListLeasesOptions, "state"> = {}): AsyncGenerator<ExecutionSummary> {
    return pagesOf((cursor) => this.#transport.json<Page<ExecutionSummary>>({ path: `${at(id)}/executions`, query: { limit: pageSize, cursor }, repeatable: true, signal }));
  }

  /** Gives a lease back. A run that still needs it ends with `lease_ended`, and so do the commands of an ad-hoc lease. */
  release(id: string, options: Abortable = {}): Promise<Lease> {
    return this.#transport.json({ method: "POST", path: `${at(id)}/release`, repeatable: true, signal: options.signal });
  }

  /** Has the release of a stuck lease tried at once. Needs an operator's token. */
  retry(id: string, options: Abortable = {}): Promise<Lease> {
    return this.#transport.json({ method: "POST", path: `${at(id)}/retry`, repeatable: true, signal: options.signal });
  }

  /** Gives a stuck lease up for good: whoever wrote the reason has taken its resource on. Needs an operator's token. */
  forget(id: string, reason: string, options: Abortable = {}): Promise<Lease> {
    return this.#transport.json({ method: "POST", path: `${at(id)}/forget`, body: { reason }, repeatable: true, signal: options.signal });
  }

  /**
   * An ad-hoc lease that is active, renews itself while this process lives, and is given back when it is disposed of:
   * `await using lease = await leasehold.leases.acquire()`. What is called off on the way, or cannot be had, is given back, unless
   * it was there before under the same key: then somebody else may hold it.
   */
  acquire(request: LeaseRequest = {}, options: AcquireOptions = {}): Promise<HeldLease> {
    const { idempotencyKey, signal } = options;
    return orUndo(
      signal,
      (patient) => this.#transport.make<Lease>("/v1/leases", request, { idempotencyKey, ...patient }),
      async (made) => new HeldLease(this, this.#executions, await this.#active(made, options), options.renewEveryMs),
      ({ id }, within) => this.release(id, within),
    );
  }

  /** Works in a lease and gives it back, for where there is no `await using`. */
  async with<T>(request: LeaseRequest, work: (lease: HeldLease) => Promise<T>, options: AcquireOptions = {}): Promise<T> {
    await using lease = await this.acquire(request, options);
    return await work(lease);
  }

  async #active(made: Lease, { signal, onWaiting }: AcquireOptions): Promise<Lease> {
    let lease = made;
    for (let wait = firstLook; lease.state === "requested" || lease.state === "acquiring"; wait = Math.min(longestLook, wait * 1.5)) {
      onWaiting?.(lease);
      await pause(wait, signal);
      lease = await this.get(lease.id, { signal });
    }
    if (lease.state === "active") return lease;
    const why = lease.failureReason ?? `it is ${lease.state}`;
    throw new LeaseholdRequestError({ status: 409, code: "lease_not_active", detail: `lease ${lease.id} did not become active: ${why}` });
  }
}

const at = (id: string): string => `/v1/leases/${encodeURIComponent(id)}`;
