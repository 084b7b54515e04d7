import { findKeyedLease, insertKeyedLease, type RequestKey } from "../db/ad-hoc.ts";
import { type Environment, getEnvironment } from "../db/environments.ts";
import type { Lease } from "../db/leases.ts";
import { inMs } from "../db/rows.ts";
import { timing } from "../domain/defaults.ts";
import { isKind } from "../domain/errors.ts";
import { newId } from "../domain/ids.ts";
import { parse } from "../domain/parse.ts";
import { idempotencyKey, leaseRequest, type LeaseRequest } from "../domain/request.ts";
import { requestHash } from "../domain/request-hash.ts";
import { active, defaultEnvironment } from "./default-environment.ts";
import type { Fleet } from "./fleet.ts";

/** Key and hash of a request that may be asked for again; null when no key was given. */
export const requestKey = (key: string | undefined, wanted: unknown): RequestKey | null =>
  key === undefined ? null : { key: parse(idempotencyKey, key, "idempotencyKey"), hash: requestHash(wanted) };

/**
 * Asks for a lease whose holder is an API client. From here on it is ours, whatever dies: it becomes active, or is given
 * up in time; nobody renews it but its holder and the workers that follow its commands. Asking again with the same key
 * gives the same lease, whatever has become of it.
 *
 * Throws `invalid` for a malformed request, an environment that is not there (404) or not active, and a key that belongs
 * to another request (409).
 */
export async function requestAdHocLease(
  parts: Pick<Fleet, "db" | "bells" | "who">,
  companyId: string,
  key: string | undefined,
  request: unknown,
): Promise<{ lease: Lease; fresh: boolean }> {
  const wanted = parse(leaseRequest, request, "lease");
  const keyed = requestKey(key, wanted);
  for (;;) {
    const known = keyed === null ? undefined : await findKeyedLease(parts.db, companyId, keyed);
    if (known !== undefined) return { lease: known, fresh: false };
    const environment =
      wanted.environment === undefined ? (await defaultEnvironment(parts.db, companyId)).environment : active(await getEnvironment(parts.db, companyId, wanted.environment));
    const lease = await insertKeyedLease(parts.db, rowFor(companyId, environment, wanted), keyed, parts.who).catch((error: unknown) => {
      if (isKind(error, "stale")) return null;
      throw error;
    });
    // Between the two statements its key has got a lease, or its environment is not what it was.
    if (lease === null) continue;
    await parts.bells.step({ verb: "acquire", backend: lease.backend, host: null, cause: lease.id });
    return { lease, fresh: true };
  }
}

function rowFor(companyId: string, environment: Environment, { queueTimeoutMs, maxLifeMs, priority = 0 }: LeaseRequest) {
  const id = newId();
  return {
    id,
    companyId,
    environmentId: environment.id,
    // Of no run, issue or workspace, and ephemeral: what a client does in an ad-hoc lease is nobody else's to find, and
    // it must never meet what a run has left. So it never takes a retained resource over, and is never retained.
    policy: "ephemeral",
    state: "requested",
    backend: environment.backend,
    provider: environment.backend.replace(/^sandbox-/, ""),
    config: environment.config,
    // From here on every try to acquire asks the provider for the same name (I1).
    resourceKey: id,
    priority,
    queueDeadline: inMs(queueTimeoutMs) as never,
    maxLifeMs,
    // Counted anew when it becomes active.
    maxExpiresAt: inMs(queueTimeoutMs + timing.acquireWait + maxLifeMs) as never,
  } as const;
}
