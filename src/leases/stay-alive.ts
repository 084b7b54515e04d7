import { timing } from "../domain/defaults.ts";
import type { Attempt } from "./attempt.ts";
import { callDriver } from "./call.ts";
import { renewTogether } from "./together.ts";
import { providerExpiry } from "./provider-timer.ts";

/**
 * Renews the lease, the provider's own timer and the supervisor's watchdog while this worker follows the command: now,
 * then regularly. A renewal that does not come through is not the end: the next one may, and the deadlines are longer.
 */
export async function stayAlive(work: Attempt): Promise<AsyncDisposable> {
  const { fleet, lease, driver, place, caller, log, signal } = work;
  const renew = async (): Promise<void> => {
    try {
      const expiresAt = await renewTogether(fleet.db, { id: lease.id, fence: lease.fence, execution: work.state.current.id, claim: work.claim });
      if (expiresAt === null) return;
      await place.beat(caller);
      await callDriver(fleet, driver, lease, signal, (context) => driver.extend(context, { key: lease.resourceKey, handle: lease.handle }, providerExpiry(lease, expiresAt)));
    } catch (err) {
      if (!signal.aborted) log.warn({ err }, "could not renew; will try again");
    }
  };
  // The lease of a run whose command was just started has its full time, for the reaper has renewed it so far. One that
  // was taken over may be close to its end; so may an ad-hoc lease, whose holder alone has renewed it.
  let under = work.state.current.offer > 1 || lease.runId === null ? renew() : Promise.resolve();
  const timer = setInterval(() => {
    under = under.then(renew);
  }, timing.leaseRenew);
  await under;
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await under;
    },
  };
}
