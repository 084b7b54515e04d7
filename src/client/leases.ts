import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutionRequestInput, LeaseRequestInput } from "../domain/request.ts";
import type { LeaseState } from "../domain/lease.ts";
import { LeaseholdRequestError } from "./error.ts";
import type { Executions } from "./executions.ts";
import { HeldLease } from "./held-lease.ts";
import { type Abortable, type Keyed, pagesOf, type Transport } from "./transport.ts";
import type { Execution, ExecutionSummary, Lease, LeaseSummary, Page } from "./wire.ts";

export interface AcquireOptions extends Keyed {
  /** Told whenever what the lease waits for may have changed. */
  readonly onWaiting?: (lease: Lease) => void;
  /** How often the lease is renewed from then on. Milliseconds, default 30 s; a lease lives two minutes without. */
  readonly renewEveryMs?: number;
}

export interface ListLeasesOptions extends Abortable {
  readonly state?: LeaseState;
  /** Id or name. */
  readonly environment?: string;
  /** Id of a run. */
  readonly run?: string;
  /** Only leases that have not ended. */
  readonly open?: boolean;
  readonly pageSize?: number;
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
  create(request: LeaseRequestInput = {}, options: Keyed = {}): Promise<Lease> {
    return this.#make("/v1/leases", request, options);
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
  execute(id: string, request: ExecutionRequestInput, options: Keyed = {}): Promise<Execution> {
    return this.#make(`${at(id)}/executions`, request, options);
  }

  /** A lease's executions, newest first. */
  executions(id: string, { pageSize, signal }: { pageSize?: number; signal?: AbortSignal } = {}): AsyncGenerator<ExecutionSummary> {
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
   * `await using lease = await leasehold.leases.acquire()`. What is called off on the way, or cannot be had, is given back.
   */
  async acquire(request: LeaseRequestInput = {}, options: AcquireOptions = {}): Promise<HeldLease> {
    const { signal, onWaiting } = options;
    let lease = await this.create(request, options);
    try {
      for (let wait = firstLook; lease.state === "requested" || lease.state === "acquiring"; wait = Math.min(longestLook, wait * 1.5)) {
        onWaiting?.(lease);
        await sleep(wait, undefined, signal === undefined ? {} : { signal });
        lease = await this.get(lease.id, signal === undefined ? {} : { signal });
      }
      if (lease.state !== "active") {
        const why = lease.failureReason ?? `it is ${lease.state}`;
        throw new LeaseholdRequestError({ status: 409, code: "lease_not_active", detail: `lease ${lease.id} did not become active: ${why}` });
      }
    } catch (error) {
      // Not to be had, or not wanted any more: whatever was made for it goes.
      await this.release(lease.id).catch(() => {});
      throw error;
    }
    return new HeldLease(this, this.#executions, lease, options.renewEveryMs);
  }

  #make<T>(path: string, body: unknown, { idempotencyKey = randomUUID(), signal }: Keyed): Promise<T> {
    return this.#transport.json({ method: "POST", path, body, headers: { "idempotency-key": idempotencyKey }, repeatable: true, signal });
  }
}

const at = (id: string): string => `/v1/leases/${encodeURIComponent(id)}`;
