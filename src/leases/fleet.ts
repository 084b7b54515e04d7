import type { Logger } from "pino";
import type { Db } from "../db/client.ts";
import type { Bells } from "../domain/bells.ts";
import type { Driver } from "../drivers/driver.ts";
import type { WorkerSecrets } from "../secrets/lease-secrets.ts";
import type { HostMemory } from "./witness.ts";
import type { Progress } from "./progress.ts";

/** What the use cases are given: the parts of one process of the fleet. */
export interface Fleet {
  readonly db: Db;
  readonly bells: Bells;
  readonly log: Logger;
  /** This process, for claims and event rows. */
  readonly who: string;
}

/** A process that also works at places. */
export interface WorkerFleet extends Fleet {
  /** For what keeps claims alive, and for nothing else: it never waits behind other statements, however many there are. */
  readonly claims: Db;
  readonly installation: string;
  readonly host: { readonly id: string; readonly name: string };
  /** What this machine remembers of the installation. */
  readonly memory: HostMemory;
  /** Throws `invalid` `unsupported_environment` for a backend this worker does not have. */
  driver(backend: string): Driver;
  /** Tells where executions of this process hear that their row wants a look. */
  readonly notices: ExecutionNotices;
  /** Gives work on a lease its secrets. */
  readonly secrets: WorkerSecrets;
  /** Tells where leases are taken that one has got on here. */
  readonly progress: Progress;
}

/** Notices about executions, as this process hears them. */
export interface ExecutionNotices {
  /** Calls `look` when somebody rang for this execution. Gives a function that stops it. */
  onExecution(id: string, look: () => void): () => void;
}
