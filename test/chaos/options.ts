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
  /** Sandboxes that appear after the provider was last asked: gone within `lateBound` only where something reconciles. */
  readonly late: boolean;
  /** So many runs at once instead, with one worker killed every second until all have ended. */
  readonly storm: { readonly runs: number } | null;
  /** Troubles as short as settling wants them, and the calm after outages is ended by hand once trouble is over. */
  readonly short: boolean;
  readonly sandboxes: boolean;
}

/**
 * Milliseconds within which what a provider made late, with nobody left to tell, is found and gone. Null while nothing
 * reconciles: then it stays, is counted, and is no violation of I2. With a reconcile: its grace and one of its cycles.
 */
export const lateBound: number | null = null;
