import type { Logger } from "pino";
import type { Execution } from "../db/executions.ts";
import type { Lease } from "../db/leases.ts";
import type { Claim } from "../domain/claim.ts";
import type { Driver } from "../drivers/driver.ts";
import type { Caller, ExecutionPlace } from "../session/execution-place.ts";
import type { Session } from "../session/session.ts";
import type { LeaseSecrets } from "../secrets/lease-secrets.ts";
import type { WorkerFleet } from "./fleet.ts";
import type { KeptClaim } from "./keep-claim.ts";
import type { KillSwitch } from "./kill-switch.ts";

/** One worker's attempt at an execution, from its claim to its end, hand-over or loss. */
export interface Attempt {
  readonly fleet: WorkerFleet;
  readonly log: Logger;
  readonly driver: Driver;
  readonly lease: Lease;
  readonly session: Session;
  readonly place: ExecutionPlace;
  readonly claim: Claim;
  /** Fence and offer, which the place compares. */
  readonly caller: Caller;
  /** The lease's. */
  readonly secrets: LeaseSecrets;
  readonly kill: KillSwitch;
  readonly kept: KeptClaim;
  /** To be called once the command runs and is followed: what comes costs little until it ends, and the next one may be begun. */
  readonly begun: () => void;
  /** Fires when this worker has to let go. */
  readonly signal: AbortSignal;
  /** The row as this attempt last left it. */
  readonly state: { current: Execution };
}
