import type { ExecutionState, StreamName } from "../../../src/domain/execution.ts";
import type { LeaseEnding, LeaseState } from "../../../src/domain/lease.ts";
import type { Killed, KillReason, Outcome } from "../../../src/domain/outcome.ts";
import type { RunPhase } from "../../../src/domain/run.ts";
import type { Trouble } from "../fleet/troubles.ts";
import type { Hold, Task } from "../work/task.ts";

/** Everything that was seen from outside. Times are milliseconds since 1970. The checks look at this and at nothing else. */
export interface Evidence {
  readonly tasks: readonly Task[];
  readonly holds: readonly Hold[];
  readonly troubles: readonly Trouble[];
  /** Whether work came to its end by itself within the bound. */
  readonly settled: { readonly ok: boolean; readonly after: number; readonly open: readonly string[] };
  /** What commands wrote down themselves. */
  readonly ledger: Ledger;
  readonly runs: readonly RunRow[];
  readonly leases: readonly LeaseRow[];
  readonly events: readonly EventRow[];
  readonly executions: readonly ExecutionRow[];
  readonly activity: readonly ActivityRow[];
  /** The durable copy of a stream. */
  output(executionId: string, stream: StreamName): Promise<Buffer>;
  readonly watched: Watched;
  /** What is still there at the end. */
  readonly left: Left;
  /** Where planted secrets were found, and how many places were searched. */
  readonly secrets: { readonly found: readonly string[]; readonly searched: number };
  /** Requests with another company's token, and what was answered. */
  readonly intrusions: readonly { readonly request: string; readonly status: number; readonly told: string | null }[];
  /** What is not ours, before and after: path to digest. */
  readonly foreign: { readonly before: ReadonlyMap<string, string>; readonly after: ReadonlyMap<string, string> };
  /** The directories that runs had copied in, before and after. */
  readonly sources: { readonly before: ReadonlyMap<string, string>; readonly after: ReadonlyMap<string, string> };
  /** Processes of the fleet that ended without having been told to. The invariants hold all the same: no check minds. */
  readonly crashes: readonly string[];
}

export interface Start {
  readonly task: string;
  readonly execution: string;
  readonly pid: number;
}

export interface Ledger {
  readonly starts: readonly Start[];
  /** By task: `exit 3`, `signal TERM`. */
  readonly meant: ReadonlyMap<string, readonly string[]>;
  /** By task: SHA-256 of the random bytes. */
  readonly digests: ReadonlyMap<string, string>;
  /** The random bytes themselves. */
  data(task: string): Promise<Buffer | null>;
}

export interface RunRow {
  readonly id: string;
  readonly company: string;
  readonly key: string;
  readonly phase: RunPhase;
  readonly outcome: Outcome | null;
  readonly lease: string | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
  readonly cancelAskedAt: number | null;
}

export interface LeaseRow {
  readonly id: string;
  readonly company: string;
  readonly environment: string | null;
  readonly run: string | null;
  readonly backend: string;
  readonly key: string;
  readonly state: LeaseState;
  readonly ending: LeaseEnding | null;
  readonly fence: number;
  readonly requestedAt: number;
  readonly acquiredAt: number | null;
  readonly maxLifeMs: number | null;
  readonly releasingSince: number | null;
  readonly releasedAt: number | null;
  readonly failureReason: string | null;
}

export interface EventRow {
  readonly lease: string;
  readonly event: string;
  readonly from: LeaseState | null;
  readonly to: LeaseState;
  readonly fence: number;
  readonly at: number;
}

export interface ExecutionRow {
  readonly id: string;
  readonly company: string;
  readonly lease: string;
  readonly run: string | null;
  readonly ordinal: number | null;
  readonly key: string | null;
  readonly state: ExecutionState;
  readonly offer: number;
  readonly outcome: Outcome | null;
  readonly killReason: KillReason | null;
  readonly killed: Killed | null;
  readonly timeoutMs: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly stdoutDropped: number | null;
  readonly stderrDropped: number | null;
  readonly outputComplete: boolean | null;
  readonly startedAt: number | null;
  readonly killAskedAt: number | null;
  readonly finishedAt: number | null;
}

export interface ActivityRow {
  readonly company: string;
  readonly action: string;
  readonly entity: string;
}

/** What was seen while it went on. */
export interface Watched {
  /** Resources by key, when they were first seen and when their directory was born. */
  readonly resources: ReadonlyMap<string, { readonly root: string; readonly bornAt: number }>;
  /** By key: the most sandboxes the fake provider held at once. */
  readonly sandboxes: ReadonlyMap<string, number>;
  /** By execution: when a process with its cookie was last seen. */
  readonly alive: ReadonlyMap<string, { readonly at: number; readonly command: string }>;
  /** Processes that had a planted secret in their arguments. */
  readonly exposed: readonly string[];
  readonly looks: number;
}

export interface Left {
  readonly directories: readonly string[];
  readonly processes: readonly { readonly pid: number; readonly execution: string | null; readonly command: string }[];
  /** What the fake provider holds, or will. */
  readonly provider: readonly string[];
}
