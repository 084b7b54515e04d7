import type { CallContext, Driver } from "../drivers/driver.ts";
import type { Lease } from "../db/leases.ts";
import { LeaseholdError, transient } from "../domain/errors.ts";
import type { WorkerFleet } from "./fleet.ts";

/**
 * Calls a driver for a lease: with the driver's own time limit, the lease's fence and secrets, and a log that names both. What the
 * driver throws that is not ours is a bug of the driver; it counts as transient, so that it is retried, told and given up. No
 * secret's value is in what is thrown, whatever the provider said.
 */
export async function callDriver<T>(fleet: WorkerFleet, driver: Driver, lease: Pick<Lease, "id" | "fence" | "companyId" | "backend" | "runId">, stop: AbortSignal, verb: (context: CallContext) => Promise<T>): Promise<T> {
  const limit = AbortSignal.timeout(driver.facts.callTimeoutMs);
  const signal = AbortSignal.any([stop, limit]);
  const log = fleet.log.child({ lease: lease.id, fence: lease.fence, company: lease.companyId, backend: lease.backend });
  using secrets = fleet.secrets.of(lease);
  try {
    return await verb({ signal, log, fence: lease.fence, reveal: (value) => secrets.reveal(value, "place") });
  } catch (error) {
    secrets.known.redactError(error);
    const late = limit.aborted && !stop.aborted;
    if (error instanceof LeaseholdError && !(late && error.kind === "cancelled")) throw error;
    if (limit.aborted) throw transient("provider_timeout", `${lease.backend} did not answer within ${driver.facts.callTimeoutMs} ms`, { cause: error });
    log.error({ err: error }, "driver threw an error that it should have translated");
    throw transient("provider_failed", error instanceof Error ? error.message : String(error), { cause: error });
  }
}
