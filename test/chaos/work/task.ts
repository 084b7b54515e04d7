import type { Act } from "./act.ts";
import type { Place, Tenant } from "./tenants.ts";

/** One command that was asked for, and everything about it that a check wants to know. Grows while it goes on. */
export interface Task {
  readonly id: string;
  readonly tenant: Tenant;
  readonly place: Place;
  readonly act: Act;
  /** Null where the command cannot reach it: in a sandbox. */
  readonly ledger: string | null;
  readonly timeoutMs: number;
  readonly outputLimit: number | null;
  readonly key: string;
  readonly via: "api" | "queue" | "lease";
  /** How often it was asked for, with the same key. */
  asked: number;
  readonly askedAt: number;
  /** Ids of runs, or of executions in an ad-hoc lease, that the API gave for it: all the same, if all is well. */
  readonly accepted: string[];
  /** Refusals and failures of the API. */
  readonly refused: string[];
  cancelled: boolean;
  /** Its ad-hoc lease, where it has one. */
  lease: string | null;
  /** What a follower was sent of its stdout while it ran. */
  followed: Buffer | null;
}

/** An ad-hoc lease that was asked for. */
export interface Hold {
  readonly id: string;
  readonly tenant: Tenant;
  /** `dies`: whoever holds it is not heard of again. */
  readonly end: "release" | "dies";
  readonly maxLifeMs: number;
  readonly tasks: readonly Task[];
}
