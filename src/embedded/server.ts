import type { ProcessIdentity } from "./process-identity.ts";

/** How much a server does so that data survives a power cut. Both survive `kill -9` of everything without losing a commit. */
export type Durability = "full" | "fast";

/** One embedded server: a data directory, a port and a password that stay the same over restarts. */
export interface Server {
  readonly name: "postgres" | "redis";
  readonly url: string;
  /**
   * Starts it on the same port, or attaches to the one that already runs in this data directory; resolves when it answers.
   * Throws `transient` when it does not come up and another try makes sense, `refused` when a human is needed.
   */
  start(signal: AbortSignal): Promise<ProcessIdentity>;
  /** Ends whatever runs in the data directory: orderly, then hurried, then killed. Does nothing when nothing runs. */
  stop(): Promise<void>;
}
