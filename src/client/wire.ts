import type { ExecutionState, StreamName } from "../domain/execution.ts";
import type { LeaseEnding, LeasePolicy, LeaseState } from "../domain/lease.ts";
import type { Killed, KillReason, Outcome, RunResult } from "../domain/outcome.ts";
import type { ProbeAnswer } from "../domain/probe.ts";
import type { FindingKind } from "../domain/reconcile.ts";
import type { RunPhase } from "../domain/run.ts";

/** What the API answers. Times are ISO 8601 in UTC. The server presents exactly these; the client gives them on. */

/** What a worker saw that looked at an environment. */
export type Probe = ProbeAnswer;

/** A moment, like `2026-01-31T12:00:00.000Z`. */
export type Iso = string;

/** Why a run or an execution has not started, or a lease has no place yet, in a form for programs and in one for people. */
export interface Waiting {
  readonly code: "no_worker" | "draining" | "worker" | "slot" | "company_limit" | "provider" | "acquiring" | "workspace" | "starting";
  readonly reason: string;
  /** Leases that come before its own for the same environment, where that is what it waits for. */
  readonly ahead?: number;
}

export interface RunLease {
  readonly id: string;
  readonly state: LeaseState;
  readonly backend: string;
  readonly failureReason: string | null;
}

export interface RunExecution {
  readonly id: string;
  readonly state: ExecutionState;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** Bytes written beyond the output limit and not kept; null while unknown. */
  readonly stdoutDropped: number | null;
  readonly stderrDropped: number | null;
  /** Whether every byte written is kept; null until the command has ended. */
  readonly outputComplete: boolean | null;
  /** What is known about the processes after we ended the command; null when we did not. */
  readonly killed: Killed | null;
  readonly startedAt: Iso | null;
  readonly firstOutputAt: Iso | null;
  readonly finishedAt: Iso | null;
}

export interface RunSummary {
  readonly id: string;
  readonly phase: RunPhase;
  /** The outcome in one word; null until it is known. */
  readonly result: RunResult | null;
  readonly outcome: Outcome | null;
  readonly command: readonly string[];
  readonly cwd: string | null;
  /** Names only; values are never given back. */
  readonly envNames: readonly string[];
  readonly hasStdin: boolean;
  readonly workspace: { readonly kind: string; readonly path?: string };
  readonly timeoutMs: number;
  readonly queueTimeoutMs: number;
  /** Among the company's own: higher goes first. */
  readonly priority: number;
  readonly outputLimit: number;
  readonly idempotencyKey: string;
  /** The run whose request this one repeats; null for one that was asked for anew. */
  readonly retryOf: string | null;
  /** The producer's own ids, as it gave them. */
  readonly producer: Readonly<Record<string, string>>;
  readonly environmentId: string | null;
  /** Which level of the request, or which default, chose the environment. */
  readonly environmentReason: string | null;
  readonly lease: RunLease | null;
  readonly execution: RunExecution | null;
  readonly cancelRequestedAt: Iso | null;
  readonly createdAt: Iso;
  readonly endedAt: Iso | null;
}

export interface TimelineEntry {
  readonly at: Iso;
  /** `run.<what>`, `lease.<event>` or `execution.<what>`. */
  readonly event: string;
  readonly detail?: string;
}

export interface Run extends RunSummary {
  readonly waiting: Waiting | null;
  readonly timeline: readonly TimelineEntry[];
}

export interface ExecutionSummary extends RunExecution {
  readonly leaseId: string;
  /** Null in an ad-hoc lease. */
  readonly runId: string | null;
  /** The outcome in one word; null until it is known. */
  readonly result: RunResult | null;
  readonly outcome: Outcome | null;
  readonly command: readonly string[];
  readonly cwd: string | null;
  /** Names only; values are never given back. */
  readonly envNames: readonly string[];
  readonly timeoutMs: number;
  readonly outputLimit: number;
  readonly idempotencyKey: string | null;
  /** Why its end was asked for, by the first who did. */
  readonly killReason: KillReason | null;
  readonly killAskedAt: Iso | null;
  readonly createdAt: Iso;
}

export interface Execution extends ExecutionSummary {
  readonly waiting: Waiting | null;
}

export interface Environment {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly driver: string;
  readonly backend: string;
  readonly status: "active" | "archived";
  /** Whether runs that name no environment get this one. */
  readonly isDefault: boolean;
  readonly config: Readonly<Record<string, unknown>>;
  /** Names only; values are never given back. */
  readonly envNames: readonly string[];
  /** Leases that may own a resource at once; null is unbounded. */
  readonly maxLeases: number | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly createdAt: Iso;
  readonly updatedAt: Iso;
}

/** What `POST /v1/environments/probe` takes: an environment that is not saved. */
export interface UnsavedEnvironment {
  readonly driver: string;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** The environment of runs that name none; null when that is this machine's local one. */
export interface DefaultEnvironment {
  readonly environment: Environment | null;
}

/** What `POST /v1/environments` takes. */
export interface NewEnvironment {
  readonly name: string;
  readonly description?: string;
  readonly driver: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly envVars?: Readonly<Record<string, string>>;
  readonly maxLeases?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What `PATCH /v1/environments/:id` takes. What is left out stays; null unsets. The last three are merged (JSON Merge Patch, RFC 7396). */
export interface EnvironmentChange {
  readonly name?: string;
  readonly description?: string | null;
  readonly maxLeases?: number | null;
  /** For new leases only. May not lead to another provider. */
  readonly config?: Readonly<Record<string, unknown>> | null;
  /** For commands that are started from now on. */
  readonly envVars?: Readonly<Record<string, string | null>> | null;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
}

/** An environment that was archived, or is active again. */
export interface EnvironmentWithUse extends Environment {
  /** Leases there that have not ended. */
  readonly openLeases: number;
}

export interface LeaseSummary {
  readonly id: string;
  readonly state: LeaseState;
  readonly policy: LeasePolicy;
  readonly backend: string;
  readonly provider: string;
  readonly providerLeaseId: string | null;
  readonly environmentId: string | null;
  /** Null for an ad-hoc lease. */
  readonly runId: string | null;
  readonly issueId: string | null;
  readonly executionWorkspaceId: string | null;
  /** What an ad-hoc lease was asked for with. */
  readonly idempotencyKey: string | null;
  /** Id of the machine the lease is bound to. */
  readonly host: string | null;
  /** Among the company's own: higher goes first. */
  readonly priority: number;
  readonly fence: number;
  readonly target: { readonly transport: string; readonly cwd: string; readonly shell: string } | null;
  readonly ending: LeaseEnding | null;
  readonly failureReason: string | null;
  readonly requestedAt: Iso;
  readonly acquiredAt: Iso | null;
  readonly expiresAt: Iso | null;
  readonly maxExpiresAt: Iso;
  readonly endedAt: Iso | null;
  readonly releasedAt: Iso | null;
}

export interface LeaseEvent {
  readonly at: Iso;
  readonly event: string;
  readonly from: string | null;
  readonly to: string;
  readonly fence: number;
  readonly who: string;
  readonly why: string | null;
}

export interface Lease extends LeaseSummary {
  /** Null once it has its place, or never will. */
  readonly waiting: Waiting | null;
  readonly events: readonly LeaseEvent[];
}

/** What a company may have of the fleet at once, and has. */
export interface Company {
  readonly id: string;
  readonly name: string;
  /** Leases that may own a resource at once, over all environments; null is unbounded. */
  readonly maxLeases: number | null;
  readonly usedLeases: number;
  readonly waitingLeases: number;
  readonly createdAt: Iso;
}

/** What `POST /v1/companies` takes. */
export interface NewCompany {
  readonly name: string;
  /** Without it as many as come. */
  readonly maxLeases?: number;
}

export type TokenRole = "operator" | "producer";

/** A token, without what it is: that is given once. */
export interface Token {
  readonly id: string;
  readonly name: string;
  readonly role: TokenRole;
  readonly createdAt: Iso;
}

/** What `POST /v1/companies/:name/tokens` takes. */
export interface NewToken {
  /** What the token is for. */
  readonly name: string;
  readonly role?: TokenRole;
}

/** A token that was just made. */
export interface MadeToken extends Token {
  /** The bearer token. Kept nowhere: nobody can give it again. */
  readonly token: string;
}

/** Something that happened to a company's environments, leases, tokens or limits. */
export interface Activity {
  readonly id: string;
  readonly at: Iso;
  readonly action: string;
  readonly entityType: string;
  readonly entityId: string;
  readonly runId: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A machine that runs workers. */
export interface Host {
  readonly id: string;
  readonly name: string;
  /** `silent`: no worker of it was heard for 20 s; `drainingAt` says whether it drains too. */
  readonly state: "alive" | "draining" | "silent";
  /** What its workers serve, or served. */
  readonly backends: readonly string[];
  /** Living ones. */
  readonly workers: number;
  /** Open leases that are bound to it, of all companies, stuck ones among them. */
  readonly openLeases: number;
  readonly stuckLeases: number;
  /** Since when it is given no new leases; null while it is. */
  readonly drainingAt: Iso | null;
  readonly createdAt: Iso;
  readonly seenAt: Iso;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Give it as `cursor` for the next page; null when this is the last one. */
  readonly next: string | null;
}

/** What comparing providers with the fleet's rows found. */
export interface Reconcile {
  /** Why nothing is done about it in the whole fleet; null while all is well. */
  readonly held: { readonly since: Iso; readonly why: string } | null;
  /** Which database it is by Postgres's own account: the one first seen, or confirmed. */
  readonly database: string | null;
  readonly endpoints: readonly ReconcileEndpoint[];
}

/** A place whose resources are listed: a provider's account, or a directory of a host. */
export interface ReconcileEndpoint {
  readonly endpoint: string;
  readonly backend: string;
  /** The machine that alone can list it; null where any worker can. */
  readonly host: string | null;
  readonly hostName: string | null;
  readonly dueAt: Iso;
  /** When the last listing that came to its end began; what follows is from it. */
  readonly listedAt: Iso | null;
  readonly listed: number | null;
  /** Resources without a lease that it began to give back. */
  readonly orphans: number | null;
  /** Leases it ended because their resource was gone. */
  readonly vanished: number | null;
  /** Second resources of a key that it removed. */
  readonly duplicates: number | null;
  /** What the cap left for the next time. */
  readonly deferred: number | null;
  /** Why the last listing failed; null when it did not. */
  readonly failure: string | null;
  /** What is there now that no lease explains, by kind. */
  readonly counts: Readonly<Record<FindingKind, number>>;
  /** The oldest of it, a thousand at most. */
  readonly findings: readonly ReconcileFinding[];
}

export interface ReconcileFinding {
  readonly key: string;
  readonly providerLeaseId: string | null;
  readonly kind: FindingKind;
  readonly firstSeenAt: Iso;
  /** Whether its grace is over. */
  readonly ripe: boolean;
}

/** Bodies of the server-sent events of a run; those of an execution differ in their state only. */
export interface StateEvent {
  readonly phase: RunPhase;
  readonly waiting: Waiting | null;
  readonly outcome: Outcome | null;
  readonly cancelRequested: boolean;
  /** Null until the run has got as far as its command. */
  readonly executionId: string | null;
}
export interface ExecutionStateEvent {
  readonly state: ExecutionState;
  readonly waiting: Waiting | null;
  readonly killReason: KillReason | null;
}
export interface OutputEvent {
  readonly stream: StreamName;
  /** Offset of the first byte. */
  readonly start: number;
  /** Base64. */
  readonly bytes: string;
}
export interface EndEvent {
  readonly outcome: Outcome;
}

/** An RFC 9457 problem document, as every error is answered. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** `noun_problem`; what programs look at. */
  readonly code: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}
