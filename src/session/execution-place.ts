import type { Readable } from "node:stream";
import type { ExecutionStatus, StreamSizes } from "../domain/execution.ts";
import type { Killed } from "../domain/outcome.ts";

/** What is to be run, complete. Values may be secret: they travel on stdin only. */
export interface CommandSpec {
  readonly argv: readonly string[];
  /** Absolute, or relative to the workspace. */
  readonly cwd: string;
  /** All variables of the command, nothing is added but what the supervisor documents (cookie, PWD). */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Uint8Array;
  /** Bytes kept of each stream. */
  readonly outputLimit: number;
  /** Milliseconds without a beat after which the watchdog ends the processes. */
  readonly watchdogMs: number;
  /** Milliseconds that what the command leaves running gets after TERM. */
  readonly leftoverGraceMs: number;
}

/** Who is asking. The place refuses a fence, or for the same execution an offer, lower than it has seen: `stale`. */
export interface Caller {
  readonly fence: number;
  readonly offer: number;
}

export interface Follow {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles when the supervisor has ended or the follower was cut off; the status says which. */
  readonly done: Promise<void>;
  /** Stops following. The command goes on. */
  detach(): void;
}

/** One execution at its place, identified by the id it was given before it started. */
export interface ExecutionPlace {
  /** An id of the running kernel there; another one means every process of before is dead. */
  bootId(): Promise<string>;
  /** Throws `invalid` for what no start could make work, with what to change. Asks nobody. */
  check(spec: CommandSpec): void;
  /**
   * Starts the command unless its directory exists: `mkdir` decides. `exists`: it was started before (or planted; ask
   * status). Throws `gone` when the lease is not there, `stale` for an old fence or offer.
   */
  start(caller: Caller, spec: CommandSpec): Promise<"started" | "exists">;
  /** Makes sure it never starts. `exists`: it already did. */
  plant(caller: Caller): Promise<"planted" | "exists">;
  status(): Promise<ExecutionStatus>;
  /** Raises fence and offer, ends followers of older offers, then streams from the offsets on, live. */
  follow(caller: Caller, from: StreamSizes): Promise<Follow>;
  /** TERM to the tree, a grace, KILL, sweep, look that nothing is left. Safe to repeat. */
  kill(caller: Caller, graceMs: number): Promise<Killed>;
  /** Tells the watchdog that somebody still cares. */
  beat(caller: Caller): Promise<void>;
}
