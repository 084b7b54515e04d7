import type { Queue } from "bullmq";
import type { Logger } from "pino";
import type { Identity } from "../db/companies.ts";
import type { Db } from "../db/client.ts";
import type { Bells } from "../domain/bells.ts";
import type { Probes } from "../domain/probe.ts";
import type { FoundSecret } from "../domain/secret-fields.ts";
import type { SecretParts } from "../secrets/parts.ts";
import type { FollowParts } from "../output/follow.ts";

/** What the API is built from. */
export interface ApiParts extends FollowParts {
  readonly db: Db;
  readonly bells: Bells;
  readonly probes: Probes;
  readonly log: Logger;
  /** Of this program, for the document. */
  readonly version: string;
  /** What a token may ask for on average; 0 for as much as it likes. */
  readonly requestsPerSecond: number;
  /** This process, for event rows. */
  readonly who: string;
  /**
   * The config of an environment, checked by its driver. Throws `invalid`: `unsupported_environment` for a backend this
   * version does not have, or with the faulty fields.
   */
  checkConfig(backend: string, config: unknown): Record<string, unknown>;
  /** The secret fields of a config that was checked. */
  secretFields(backend: string, config: Record<string, unknown>): FoundSecret[];
  readonly secrets: SecretParts;
  /** Queues for the board, as they are now. One whose name the board has already is closed again. */
  boardQueues(): Promise<readonly Queue[]>;
  /** Whether this process can do its work, and what each check says. */
  ready(): Promise<{ readonly ok: boolean; readonly checks: Readonly<Record<string, string>> }>;
}

/** What middleware leaves for the routes. */
export interface ApiEnv {
  Variables: { identity: Identity };
}
