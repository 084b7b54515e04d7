import type * as wire from "../client/wire.ts";
import type { Environment } from "../db/environments.ts";
import type { Lease, LeaseEventRow } from "../db/leases.ts";
import type { RunSituation } from "../db/runs.ts";
import { resultOf } from "../domain/outcome.ts";

/**
 * Rows as the API shows them. Left out on purpose, because they are or may be secret: values of environment variables,
 * stdin, claim tokens, handles, and what drivers keep with a lease.
 */

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;

export function presentRun({ run, lease, execution }: RunSituation): wire.RunSummary {
  const { request } = run;
  return {
    id: run.id,
    phase: run.phase,
    result: run.outcome === null ? null : resultOf(run.outcome),
    outcome: run.outcome,
    command: request.command,
    cwd: request.cwd ?? null,
    envNames: Object.keys(request.env),
    hasStdin: request.stdin !== undefined,
    workspace: request.workspace,
    timeoutMs: request.timeoutMs,
    queueTimeoutMs: request.queueTimeoutMs,
    outputLimit: request.outputLimit,
    idempotencyKey: run.idempotencyKey,
    producer: request.producer as Record<string, string>,
    environmentId: run.environmentId,
    environmentReason: run.environmentReason,
    lease: lease === null ? null : { id: lease.id, state: lease.state, backend: lease.backend, failureReason: lease.failureReason },
    execution:
      execution === null
        ? null
        : {
            id: execution.id,
            state: execution.state,
            stdoutBytes: execution.stdoutBytes,
            stderrBytes: execution.stderrBytes,
            stdoutDropped: execution.stdoutDropped,
            stderrDropped: execution.stderrDropped,
            outputComplete: execution.outputComplete,
            killed: execution.killed,
            startedAt: iso(execution.startedAt),
            firstOutputAt: iso(execution.firstOutputAt),
            finishedAt: iso(execution.finishedAt),
          },
    cancelRequestedAt: iso(run.cancelRequestedAt),
    createdAt: run.createdAt.toISOString(),
    endedAt: iso(run.endedAt),
  };
}

export const presentEnvironment = (row: Environment, defaultId: string | null): wire.Environment => ({
  id: row.id,
  name: row.name,
  description: row.description,
  driver: row.driver,
  backend: row.backend,
  status: row.status,
  isDefault: row.id === defaultId,
  config: row.config,
  envNames: Object.keys(row.envVars),
  maxLeases: row.maxLeases,
  metadata: row.metadata,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

export const presentLease = (row: Lease): wire.LeaseSummary => ({
  id: row.id,
  state: row.state,
  policy: row.policy,
  backend: row.backend,
  provider: row.provider,
  providerLeaseId: row.providerLeaseId,
  environmentId: row.environmentId,
  runId: row.runId,
  issueId: row.issueId,
  executionWorkspaceId: row.executionWorkspaceId,
  host: row.host,
  fence: row.fence,
  target: row.target,
  ending: row.ending,
  failureReason: row.failureReason,
  requestedAt: row.requestedAt.toISOString(),
  acquiredAt: iso(row.acquiredAt),
  expiresAt: iso(row.expiresAt),
  maxExpiresAt: row.maxExpiresAt.toISOString(),
  endedAt: iso(row.endedAt),
  releasedAt: iso(row.releasedAt),
});

export const presentLeaseEvent = (row: LeaseEventRow): wire.LeaseEvent => ({
  at: row.at.toISOString(),
  event: row.event,
  from: row.from,
  to: row.to,
  fence: row.fence,
  who: row.who,
  why: row.why,
});
