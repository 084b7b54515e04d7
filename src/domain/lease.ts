/**
 * The lease machine: one table of data, one pure function over it. Who may cause an event and what else must hold
 * (claims, slots, deadlines) is in the table's columns or in the use case; `src/db/leases` turns a row of the table into
 * one guarded UPDATE. The full story is `docs/leases.md`.
 */

export const leaseStates = [
  "requested",
  "acquiring",
  "active",
  "releasing",
  "retained",
  "stuck",
  "released",
  "expired",
  "failed",
] as const;
export type LeaseState = (typeof leaseStates)[number];

/** How a lease ends, decided when it leaves `active` (or never gets there). */
export const leaseEndings = ["released", "expired", "failed"] as const;
export type LeaseEnding = (typeof leaseEndings)[number];

export const leasePolicies = ["ephemeral", "reuse_by_environment", "reuse_by_execution_workspace", "retain_on_failure"] as const;
export type LeasePolicy = (typeof leasePolicies)[number];

export const leaseEvents = [
  "claim",
  "claim_release",
  "rekey",
  "acquired",
  "yield",
  "retry_later",
  "give_up_acquire",
  "cancel",
  "timeout",
  "renew",
  "release",
  "expire",
  "vanish",
  "cleaned",
  "keep",
  "give_up_release",
  "abandon",
  "hand_over",
  "evict",
  "retry",
  "forget",
] as const;
export type LeaseEvent = (typeof leaseEvents)[number];

/** What an event does to a lease that is in one of `from`. */
export interface LeaseRule {
  readonly from: readonly LeaseState[];
  /** The state after; `ending` means the state named by the row's `ending` column. */
  readonly to: LeaseState | "ending";
  /**
   * - `take`: the row must be unclaimed or its claim lapsed; the caller becomes claimer.
   * - `hold`: the caller must hold the live claim, and keeps it.
   * - `drop`: the caller must hold the live claim, and gives it up.
   * - `break`: whoever holds a claim loses it.
   * - `free`: nobody may hold a live claim.
   * - `none`: claims are neither looked at nor changed.
   */
  readonly claim: "take" | "hold" | "drop" | "break" | "free" | "none";
  /** Whether the tenure ends or begins here: the fence grows, and what carries the old one is refused. */
  readonly fence: boolean;
  /** Only from `requested` with fence 0: nothing was ever made. */
  readonly unclaimedOnly?: boolean;
  /** The ending this event sets; without it the ending stays or the caller gives one. */
  readonly ending?: LeaseEnding;
  /** The resource may not be kept after this. */
  readonly mustDestroy?: boolean;
}

type Rules = { readonly [E in LeaseEvent]: readonly LeaseRule[] };

export const leaseRules: Rules = {
  claim: [{ from: ["requested", "acquiring"], to: "acquiring", claim: "take", fence: true }],
  claim_release: [{ from: ["releasing"], to: "releasing", claim: "take", fence: true }],
  rekey: [{ from: ["acquiring"], to: "acquiring", claim: "hold", fence: false }],
  acquired: [{ from: ["acquiring"], to: "active", claim: "drop", fence: false }],
  yield: [{ from: ["acquiring"], to: "requested", claim: "drop", fence: false }],
  // A transient fault of acquire or release: same state, same slot and host, tried again when it is due.
  retry_later: [
    { from: ["acquiring"], to: "acquiring", claim: "drop", fence: false },
    { from: ["releasing"], to: "releasing", claim: "drop", fence: false },
  ],
  give_up_acquire: [{ from: ["acquiring"], to: "releasing", claim: "drop", fence: false, ending: "failed" }],
  cancel: [
    { from: ["requested"], to: "expired", claim: "none", fence: false, unclaimedOnly: true, ending: "expired" },
    { from: ["requested", "acquiring"], to: "releasing", claim: "break", fence: true, ending: "expired" },
  ],
  timeout: [
    { from: ["requested"], to: "failed", claim: "none", fence: false, unclaimedOnly: true, ending: "failed" },
    { from: ["requested", "acquiring"], to: "releasing", claim: "break", fence: true, ending: "failed" },
  ],
  renew: [{ from: ["active"], to: "active", claim: "none", fence: false }],
  release: [{ from: ["active"], to: "releasing", claim: "break", fence: true }],
  expire: [
    { from: ["active"], to: "releasing", claim: "break", fence: true, ending: "expired" },
    { from: ["retained"], to: "releasing", claim: "break", fence: true, mustDestroy: true },
  ],
  vanish: [
    { from: ["active"], to: "releasing", claim: "break", fence: true, ending: "failed" },
    { from: ["retained"], to: "releasing", claim: "break", fence: true, mustDestroy: true },
  ],
  cleaned: [{ from: ["releasing"], to: "ending", claim: "drop", fence: false }],
  keep: [{ from: ["releasing"], to: "retained", claim: "drop", fence: false }],
  give_up_release: [{ from: ["releasing"], to: "stuck", claim: "drop", fence: false }],
  // Nobody came to release it: its host is gone, no worker serves its backend, or those that do did not manage.
  abandon: [{ from: ["releasing"], to: "stuck", claim: "free", fence: false }],
  hand_over: [{ from: ["retained"], to: "released", claim: "none", fence: true }],
  evict: [{ from: ["retained"], to: "releasing", claim: "break", fence: true, mustDestroy: true }],
  retry: [{ from: ["stuck"], to: "releasing", claim: "break", fence: true }],
  forget: [{ from: ["stuck"], to: "ending", claim: "none", fence: false }],
};

export const finalLeaseStates: readonly LeaseState[] = ["released", "expired", "failed"];

/** Whether a lease in this state will never change again. */
export const isFinalLease = (state: LeaseState): boolean => finalLeaseStates.includes(state);

/** `failureReason` of a lease that waited when its environment was archived; what its run is told too. */
export const environmentInactive = "environment_inactive";

/** The facts of a row that decide which rule applies. */
export interface LeaseFacts {
  readonly state: LeaseState;
  readonly fence: number;
  readonly ending: LeaseEnding | null;
}

/**
 * What `event` does to a lease. Returns the rule and the state after, or null when the event has no meaning here: the
 * caller is late, and stops.
 */
export function nextLease(facts: LeaseFacts, event: LeaseEvent): { rule: LeaseRule; to: LeaseState; fence: number } | null {
  const rule = leaseRules[event].find(
    (r) => r.from.includes(facts.state) && !(r.unclaimedOnly === true && facts.fence > 0),
  );
  if (rule === undefined) return null;
  const to = rule.to === "ending" ? facts.ending : rule.to;
  if (to === null) return null;
  return { rule, to, fence: facts.fence + (rule.fence ? 1 : 0) };
}

/** How a run's outcome ends its lease. */
export function endingFor(result: "succeeded" | "failed" | "timed_out" | "cancelled" | "lost"): LeaseEnding {
  if (result === "succeeded") return "released";
  return result === "cancelled" ? "expired" : "failed";
}
