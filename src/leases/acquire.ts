import { claimNextLease } from "../db/lease-claims.ts";
import { extendLeaseClaim, type Lease, moveLease } from "../db/leases.ts";
import { isOutage } from "../db/retry.ts";
import { inMs } from "../db/rows.ts";
import { type Claim, newClaim } from "../domain/claim.ts";
import { attempts, backoff, timing } from "../domain/defaults.ts";
import { isKind, LeaseholdError, reasonOf, refused } from "../domain/errors.ts";
import type { KnownValues } from "../domain/known-values.ts";
import type { Acquired, Driver } from "../drivers/driver.ts";
import { callDriver } from "./call.ts";
import { endpointOf } from "./endpoint-of.ts";
import type { WorkerFleet } from "./fleet.ts";
import { inLine } from "./in-line.ts";
import { keepClaim } from "./keep-claim.ts";
import { noteActivity } from "./note-activity.ts";

/** Claims the next due lease of a backend, when called, for a worker to bring it to `active`. Null when there is none to take. */
export function nextLeases(fleet: WorkerFleet, backend: string, bound: boolean): () => Promise<Claimed | null> {
  const driver = fleet.driver(backend);
  return inLine(async () => {
    const claim = newClaim(fleet.who);
    const scope = {
      backend,
      host: fleet.host.id,
      bound,
      binds: driver.facts.placement === "host",
      // Without it the lease is never said to have vanished; whether it can be acquired is the driver's to say.
      endpoint: await endpointOf(driver).catch(() => null),
      lapseMs: driver.facts.fencing === "clock" ? driver.facts.callTimeoutMs : 0,
    };
    const lease = await claimNextLease(fleet.db, scope, claim, fleet.who);
    return lease === null ? null : { lease, claim };
  });
}

export interface Claimed {
  readonly lease: Lease;
  readonly claim: Claim;
}

/**
 * Brings a claimed lease to `active`.
 *
 * The resource key was durable before this; the driver's acquire is idempotent by it. So a worker that dies anywhere in
 * here leaves a row that the next claimer finishes, and no second resource (I1, I2).
 */
export async function acquireClaimed(fleet: WorkerFleet, { lease, claim }: Claimed): Promise<void> {
  try {
    await acquire(fleet, fleet.driver(lease.backend), lease, claim);
  } catch (error) {
    // Somebody ended the lease while we made its resource; whoever releases it finds the resource by its key.
    if (!isKind(error, "stale")) throw error;
    fleet.log.info({ lease: lease.id, fence: lease.fence }, `left lease alone: ${error.message}`);
  }
}

async function acquire(fleet: WorkerFleet, driver: Driver, lease: Lease, claim: Claim): Promise<void> {
  using kept = keepClaim(
    () => extendLeaseClaim(fleet.claims, lease.id, claim),
    (err) => fleet.log.error({ err, lease: lease.id }, "could not extend a claim"),
  );
  using secrets = fleet.secrets.of(lease);
  try {
    const made = await callDriver(fleet, driver, lease, kept.lost, (context) =>
      driver.acquire(context, {
        key: lease.resourceKey,
        config: lease.config,
        labels: { installation: fleet.installation, company: lease.companyId, run: lease.runId },
        // Who waits for its turn is renewed by the reaper, which reaches no provider.
        expiresAt: lease.maxExpiresAt,
      }),
    );
    mustKeepSecrets(driver, made, secrets.known);
    const active = await moveLease(fleet.db, lease, {
      event: "acquired",
      who: fleet.who,
      claim,
      patch: {
        handle: made.handle,
        providerLeaseId: made.providerLeaseId,
        target: secrets.known.redactAll(made.target),
        metadata: secrets.known.redactAll(made.metadata),
        attempt: 0,
        acquiredAt: inMs(0),
        expiresAt: inMs(Math.min(timing.leaseLife, lease.maxLifeMs ?? timing.leaseLife)),
        ...(lease.maxLifeMs === null ? {} : { maxExpiresAt: inMs(lease.maxLifeMs) }),
      },
    });
    await noteActivity(fleet, active, "environment.lease_acquired");
    if (active.runId !== null) await fleet.bells.run(active.runId, `lease-${active.state}-${active.fence}`);
  } catch (error) {
    await afterFailure(fleet, lease, claim, error);
  }
}

/** Throws `refused` for a handle that has the value of a secret in it: it is kept in clear, and without the value it would be of no use. */
function mustKeepSecrets(driver: Driver, { handle, providerLeaseId }: Acquired, known: KnownValues): void {
  const kept = { handle, providerLeaseId };
  if (JSON.stringify(known.redactAll(kept)) === JSON.stringify(kept)) return;
  throw refused("driver_exposes_secret", `the driver of ${driver.provider} would keep a secret's value in its handle; that is a fault of the driver, or the value is a word that is there anyway`);
}

/** Turns the kind of an error into what becomes of the lease. */
async function afterFailure(fleet: WorkerFleet, lease: Lease, claim: Claim, error: unknown): Promise<void> {
  if (isKind(error, "stale")) throw error;
  const why = reasonOf(error);
  if (isKind(error, "busy")) {
    const wait = (error.retryAfter ?? 5) * 1000;
    await moveLease(fleet.db, lease, { event: "yield", who: fleet.who, why, claim, patch: { dueAt: inMs(wait), attempt: lease.attempt - 1, acquireDeadline: null } });
    return;
  }
  const hopeless = error instanceof LeaseholdError && (error.kind === "refused" || error.kind === "invalid" || error.kind === "gone");
  // The database's own troubles say nothing about the provider.
  if (!hopeless && (lease.attempt < attempts.step || isOutage(error))) {
    await moveLease(fleet.db, lease, { event: "retry_later", who: fleet.who, why, claim, patch: { dueAt: inMs(backoff(lease.attempt)) } });
    fleet.log.warn({ err: error, lease: lease.id, attempt: lease.attempt }, "could not acquire; will try again");
    return;
  }
  const given = await moveLease(fleet.db, lease, { event: "give_up_acquire", who: fleet.who, why, claim, patch: { failureReason: why } });
  fleet.log.warn({ err: error, lease: lease.id }, "gave up acquiring");
  await fleet.bells.step({ verb: "release", backend: given.backend, host: given.host, id: given.id, offer: given.fence });
}
