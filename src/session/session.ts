import type { Readable, Writable } from "node:stream";
import type { ExecutionPlace } from "./execution-place.ts";

/** The four places of a lease's resource, as absolute paths there. */
export interface Places {
  readonly workspace: string;
  readonly home: string;
  readonly tmp: string;
  /** Supervisor files. Out of the command's reach where the driver can arrange it. */
  readonly control: string;
}

/** A process started through a session. Its output must be read; it is not buffered. */
export interface RawProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles when the process has ended and both outputs are closed. Rejects `transient` when the connection broke. */
  readonly exit: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Ends this process (not what it started); for helpers of ours, never for agents' commands. */
  end(): void;
}

/**
 * What is laid around a command on the supervisor's own machine: a sandbox that has a pid namespace of its own. The
 * supervisor stays outside, and so does everything of ours.
 */
export interface Enclosure {
  /**
   * How argv is called in it. Descriptors are handed on. argv becomes the namespace's first process, and on descriptor 6
   * stands, before it runs, a line of JSON with its pid out here as `child-pid`: bubblewrap's `--json-status-fd`.
   */
  wrap(argv: readonly string[]): readonly string[];
  /** Numeric user and group that commands are out here; null where they are the worker's own. */
  readonly owner: number | null;
  /** Milliseconds that a command may run at most, whatever its own timeout; null where there is no such bound. */
  readonly wallMs: number | null;
}

/**
 * Raw power to run argv at a resource and get bytes back. Everything rich (supervisor, follow, kill, transfer) is
 * built once on top of it, so that it works the same on every driver.
 */
export interface Session {
  readonly places: Places;
  /** The same places as a command sees them. */
  readonly seen: Omit<Places, "control">;
  /** Variables a command needs to find its tools there (PATH), and nothing else of the place's own environment. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Starts argv with an empty environment but for PATH, in its own process group or channel, so that it outlives the
   * worker if it makes itself independent. Rejects `gone` when the resource is not there.
   */
  open(argv: readonly string[], signal?: AbortSignal): Promise<RawProcess>;
  /** What commands are put into; null where they are processes like our helpers. */
  readonly enclosure: Enclosure | null;
  /** Executions as the provider itself offers them, by id; null where our supervisor runs them. */
  readonly executions: ((executionId: string) => ExecutionPlace) | null;
}
