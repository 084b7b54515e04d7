import { constants } from "node:os";
import { type HeldLease, type Leasehold, LeaseholdRequestError, type LeaseRequest } from "../client/index.ts";
import { environmentFor } from "./environment-for.ts";
import { CliError } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Interrupts } from "./interrupts.ts";
import type { Narration } from "./narrate.ts";
import { note } from "./print.ts";

export interface PlaceOptions {
  readonly env?: string;
  readonly driver?: string;
  /** Milliseconds, like the next. */
  readonly queueTimeout?: number;
  readonly maxLife?: number;
  readonly priority?: number;
}

/**
 * An active ad-hoc lease, telling what it waits for until then. An interrupt gives it back: then the error says so. So does
 * the one of a lease that cannot be had.
 */
export async function acquireLease(client: Leasehold, options: PlaceOptions, interrupts: Interrupts, narration: Narration): Promise<HeldLease> {
  const environment = await environmentFor(client, options);
  const request: LeaseRequest = {
    ...(environment === undefined ? {} : { environment: environment.id }),
    ...(options.queueTimeout === undefined ? {} : { queueTimeoutMs: options.queueTimeout }),
    ...(options.maxLife === undefined ? {} : { maxLifeMs: options.maxLife }),
    ...(options.priority === undefined ? {} : { priority: options.priority }),
  };
  const stop = new AbortController();
  interrupts.onAsked(() => {
    note("Giving the lease back.");
    stop.abort();
  });
  const signal = AbortSignal.any([stop.signal, interrupts.left]);
  try {
    return await client.leases.acquire(request, { signal, onWaiting: (lease) => void narration.waits(lease).catch(() => stop.abort()) });
  } catch (error) {
    if (narration.closed) throw new CliError(exitCodes.outputClosed, "nobody reads our output any more");
    if (signal.aborted) throw new CliError(128 + constants.signals[interrupts.leftBy], "cancelled before the lease was there");
    if (error instanceof LeaseholdRequestError && error.code === "lease_not_active") throw new CliError(exitCodes.notRun, error.detail);
    throw error;
  }
}
