import { timing } from "../domain/defaults.ts";
import type { StreamName } from "../domain/execution.ts";
import type { ExecutionRequestInput } from "../domain/request.ts";
import { LeaseholdRequestError } from "./error.ts";
import type { Executions } from "./executions.ts";
import type { Leases } from "./leases.ts";
import type { Abortable, Keyed } from "./transport.ts";
import type { Execution, Lease } from "./wire.ts";

/** A lease that this process holds: it renews itself, and is given back when it is disposed of. */
export class HeldLease implements AsyncDisposable {
  readonly id: string;
  /** Fires when the lease has ended under us: its reason says how. */
  readonly lost: AbortSignal;
  readonly #leases: Leases;
  readonly #executions: Executions;
  readonly #timer: NodeJS.Timeout;

  constructor(leases: Leases, executions: Executions, lease: Lease, renewEveryMs: number = timing.leaseRenew) {
    this.id = lease.id;
    this.#leases = leases;
    this.#executions = executions;
    const lost = new AbortController();
    this.lost = lost.signal;
    this.#timer = setInterval(() => {
      leases.renew(this.id).catch((error: unknown) => {
        // What passes is tried again at the next turn, as long as the lease lives without.
        if (!(error instanceof LeaseholdRequestError) || (error.status !== 409 && error.status !== 404)) return;
        clearInterval(this.#timer);
        lost.abort(error);
      });
    }, renewEveryMs);
    // Nothing is worth staying for only to keep a lease.
    this.#timer.unref();
  }

  /** Has a command run here. Several may run at once. */
  async exec(argv: readonly string[], options: Omit<ExecutionRequestInput, "command"> & Keyed = {}): Promise<Command> {
    const { idempotencyKey, signal, ...request } = options;
    const made = await this.#leases.execute(this.id, { ...request, command: [...argv] }, { ...(idempotencyKey === undefined ? {} : { idempotencyKey }), ...(signal === undefined ? {} : { signal }) });
    return new Command(this.#executions, made);
  }

  /** Renews no more. The lease goes on for as long as it was granted, unless it is released. */
  leave(): void {
    clearInterval(this.#timer);
  }

  /** Gives the lease back; commands in it end. */
  async release(options: Abortable = {}): Promise<void> {
    this.leave();
    await this.#leases.release(this.id, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

/** A command in a held lease: iterate over it for its output as it comes, on both streams. */
export class Command implements AsyncIterable<{ readonly stream: StreamName; readonly bytes: Uint8Array }> {
  /** As it was when it was asked for. */
  readonly execution: Execution;
  readonly #executions: Executions;

  constructor(executions: Executions, execution: Execution) {
    this.#executions = executions;
    this.execution = execution;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<{ readonly stream: StreamName; readonly bytes: Uint8Array }> {
    for await (const event of this.#executions.events(this.execution.id)) if (event.type === "output") yield { stream: event.stream, bytes: event.bytes };
  }

  /** The execution, once it has ended. */
  result(options: Abortable = {}): Promise<Execution> {
    return this.#executions.wait(this.execution.id, options);
  }

  /** Asks for its end. */
  async cancel(options: Abortable = {}): Promise<void> {
    await this.#executions.cancel(this.execution.id, options);
  }
}
