import type { Environment } from "../db/environments.ts";
import type { Execution } from "../db/executions.ts";
import type { HostSituation } from "../db/hosts.ts";
import type { Lease, LeaseEventRow } from "../db/leases.ts";
import type { RunSituation } from "../db/runs.ts";
import { resultOf } from "../domain/outcome.ts";
import type { Environment as EnvironmentWire } from "../wire/environment.ts";
import type { ExecutionSummary, RunExecution } from "../wire/execution.ts";
import type { Host } from "../wire/host.ts";
import type { LeaseEvent, LeaseSummary } from "../wire/lease.ts";
import type { RunSummary } from "../wire/run.ts";

/**
 * Rows as the API shows them. Left out on purpose, because they are or may be secret: values of environment variables,
 * stdin, claim tokens, handles, and what drivers keep with a lease.
 */

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;

export function presentRun({ run, lease, execution }: RunSituation): RunSummary {
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
    priority: request.priority ?? 0,
    outputLimit: request.outputLimit,
    idempotencyKey: run.idempotencyKey,
    retryOf: run.retryOf,
    producer: request.producer as Record<string, string>,
    environmentId: run.environmentId,
    environmentReason: run.environmentReason,
    lease: lease === null ? null : { id: lease.id, state: lease.state, backend: lease.backend, failureReason: lease.failureReason },
    execution: execution === null ? null : presentProgress(execution),
    cancelRequestedAt: iso(run.cancelRequestedAt),
    createdAt: run.createdAt.toISOString(),
    endedAt: iso(run.endedAt),
  };
}

/** How far an execution has got. */
const presentProgress = (row: Execution): RunExecution => ({
  id: row.id,
  state: row.state,
  stdoutBytes: row.stdoutBytes,
  stderrBytes: row.stderrBytes,
  stdoutDropped: row.stdoutDropped,
  stderrDropped: row.stderrDropped,
  outputComplete: row.outputComplete,
  redacted: row.redactOutput,
  killed: row.killed,
  startedAt: iso(row.startedAt),
  firstOutputAt: iso(row.firstOutputAt),
  finishedAt: iso(row.finishedAt),
});

export const presentExecution = (row: Execution): ExecutionSummary => ({
  ...presentProgress(row),
  leaseId: row.leaseId,
  runId: row.runId,
  result: row.outcome === null ? null : resultOf(row.outcome),
  outcome: row.outcome,
  command: row.argv,
  cwd: row.cwd,
  envNames: row.envNames,
  timeoutMs: row.timeoutMs,
  outputLimit: row.outputLimit,
  idempotencyKey: row.idempotencyKey,
  killReason: row.killReason,
  killAskedAt: iso(row.killAskedAt),
  createdAt: row.createdAt.toISOString(),
});

export const presentEnvironment = (row: Environment, defaultId: string | null): EnvironmentWire => ({
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

export const presentLease = (row: Lease): LeaseSummary => ({
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
  idempotencyKey: row.idempotencyKey,
  host: row.host,
  priority: row.priority,
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

export const presentLeaseEvent = (row: LeaseEventRow): LeaseEvent => ({
  at: row.at.toISOString(),
  event: row.event,
  from: row.from,
  to: row.to,
  fence: row.fence,
  who: row.who,
  why: row.why,
});

export const presentHost = (host: HostSituation): Host => ({
  ...host,
  drainingAt: iso(host.drainingAt),
  createdAt: host.createdAt.toISOString(),
  seenAt: host.seenAt.toISOString(),
});
