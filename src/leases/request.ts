import type { Db } from "../db/client.ts";
import type { Environment } from "../db/environments.ts";
import { insertLease, type Lease } from "../db/leases.ts";
import { inMs } from "../db/rows.ts";
import type { Run } from "../db/runs.ts";
import { timing } from "../domain/defaults.ts";
import { newId } from "../domain/ids.ts";

/**
 * Writes a run's lease down in `requested`. Its own id is the resource key: from here on every try to acquire asks the
 * provider for the same name (I1).
 */
export async function requestLease(db: Db, run: Run, environment: Environment, who: string): Promise<Lease> {
  const { request } = run;
  const id = newId();
  const life = request.queueTimeoutMs + timing.acquireWait + timing.realize + request.timeoutMs + timing.harvest + timing.leaseMargin;
  return insertLease(
    db,
    {
      id,
      companyId: run.companyId,
      environmentId: environment.id,
      executionWorkspaceId: request.producer.executionWorkspaceId ?? null,
      issueId: request.producer.issueId ?? null,
      runId: run.id,
      state: "requested",
      backend: environment.backend,
      provider: environment.backend.replace(/^sandbox-/, ""),
      config: environment.config,
      resourceKey: id,
      priority: request.priority ?? 0,
      queueDeadline: inMs(request.queueTimeoutMs) as never,
      maxExpiresAt: inMs(life) as never,
    },
    who,
  );
}
