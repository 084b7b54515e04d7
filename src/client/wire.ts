/** What the API answers: types only, of the schemas that the server presents by. */
export type { Activity } from "../wire/activity.ts";
export type { Company, NewCompany } from "../wire/company.ts";
export type { DefaultEnvironment, Environment, EnvironmentChange, EnvironmentWithUse, NewEnvironment, UnsavedEnvironment } from "../wire/environment.ts";
export type { EndEvent, ExecutionStateEvent, OutputEvent, StateEvent } from "../wire/events.ts";
export type { Execution, ExecutionSummary, RunExecution } from "../wire/execution.ts";
export type { Host } from "../wire/host.ts";
export type { Lease, LeaseEvent, LeaseSummary } from "../wire/lease.ts";
export type { Page } from "../wire/page.ts";
export type { Probe } from "../wire/probe.ts";
export type { Problem } from "../wire/problem.ts";
export type { Reconcile, ReconcileEndpoint, ReconcileFinding } from "../wire/reconcile.ts";
export type { Run, RunLease, RunSummary, TimelineEntry } from "../wire/run.ts";
export type { MasterKey, NewSecret, Secret, SecretAccess, SecretStore, SecretSummary, SecretUse } from "../wire/secret.ts";
export type { Iso } from "../wire/time.ts";
export type { MadeToken, NewToken, Token, TokenRole } from "../wire/token.ts";
export type { Waiting } from "../wire/waiting.ts";
