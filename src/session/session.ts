import type { Readable, Writable } from "node:stream";

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
 * Raw power to run argv at a resource and get bytes back. Everything rich (supervisor, follow, kill, transfer) is
 * built once on top of it, so that it works the same on every driver.
 */
export interface Session {
  readonly places: Places;
  /** Variables a command needs to find its tools there (PATH), and nothing else of the place's own environment. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Starts argv with an empty environment but for PATH, in its own process group or channel, so that it outlives the
   * worker if it makes itself independent. Rejects `gone` when the resource is not there.
   */
  open(argv: readonly string[], signal?: AbortSignal): Promise<RawProcess>;
  /** How an agent's command is to be called there: a sandbox puts its own words in front. */
  wrap(argv: readonly string[]): readonly string[];
}
