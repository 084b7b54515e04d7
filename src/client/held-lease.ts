import { timing } from "../domain/defaults.ts";
import { LeaseholdRequestError } from "./error.ts";
import type { ExecutionEvent } from "./events.ts";
import type { Executions } from "./executions.ts";
import { type CollectOptions, type Finished, Followed } from "./followed.ts";
import type { Leases } from "./leases.ts";
import type { ExecutionRequestInput as ExecutionRequest } from "../domain/request-input.ts";
import type { Abortable, Keyed } from "./transport.ts";
import type { Execution, Lease } from "./wire.ts";

/** What there is to say about a command beside its arguments. */
export type ExecOptions = Omit<ExecutionRequest, "command"> & Keyed;

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
        if (!(error instanceof LeaseholdRequestError) || (error.kind !== "conflict" && error.kind !== "not_found")) return;
        clearInterval(this.#timer);
        lost.abort(error);
      });
    }, renewEveryMs);
    // Nothing is worth staying for only to keep a lease.
    this.#timer.unref();
  }

  /** Has a command run here. Several may run at once. */
  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<Command> {
    const { idempotencyKey, signal, ...request } = options;
    return new Command(this.#executions, await this.#leases.execute(this.id, { ...request, command: [...argv] }, { idempotencyKey, signal }));
  }

  /** Has a command run here to its end, and gives what it printed. An abort leaves it to the lease, with which it ends. */
  async run(argv: readonly string[], { limit, ...options }: ExecOptions & CollectOptions = {}): Promise<Finished<Execution>> {
    return (await this.exec(argv, options)).collect({ limit, signal: options.signal });
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
export class Command extends Followed<Execution, ExecutionEvent> {
  /** As it was when it was asked for. */
  readonly execution: Execution;

  constructor(executions: Executions, execution: Execution) {
    super(execution.id, executions, (ended) => ended);
    this.execution = execution;
  }
}
