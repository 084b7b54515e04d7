import { timing } from "../../src/domain/defaults.ts";

/** What can be done to a fleet. */
export const troubleKinds = ["kill", "stop", "term", "redis", "flush", "postgres"] as const;
export type TroubleKind = (typeof troubleKinds)[number];

export interface ChaosOptions {
  readonly seed: string;
  /** How long work and trouble are made, before everything settles. */
  readonly durationMs: number;
  readonly workers: number;
  readonly companies: number;
  /** Pieces of work a second, on average. */
  readonly rate: number;
  readonly only: readonly TroubleKind[];
  /** Also sandboxes that a provider makes too late or twice: found and gone within `lateBound`. */
  readonly late: boolean;
  /** So many runs at once instead, with one worker killed every so many milliseconds until all have ended. */
  readonly storm: { readonly runs: number; readonly everyMs: number } | null;
  /** Troubles as short as settling wants them, and the calm after outages is ended by hand once trouble is over. */
  readonly short: boolean;
  readonly sandboxes: boolean;
}

/** Milliseconds within which what a provider made late, with nobody left to tell, is found and gone: until the next look, the grace, the look after it, and its release. */
export const lateBound = 2 * timing.reconcile + timing.reconcileGrace + timing.call;
