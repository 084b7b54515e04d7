import { timing } from "../../../src/domain/defaults.ts";
import type { Trouble } from "../fleet/troubles.ts";

const second = 1000;

/** After a trouble: the claim lapses, the bell is rung again, a failed attempt is repeated; an API or a server comes back. */
const recovery = timing.claim + timing.ringAgain + timing.retryRunning + 10 * second;
/** A machine with much to do. */
const slack = 20 * second;

/** Longest time from a command's own time limit to its end being known: grace, and what a takeover costs anyway. */
export const executionMargin = timing.killGrace + timing.leftoverGrace + recovery + slack;

/** Longest time from asking for a run's end, or from beginning to release, to its being given back, at a provider that fails the first calls. */
export const releaseMargin = timing.killGrace + 2 * timing.callFake + 4 * timing.retryBase * 2 ** 3 + recovery + slack;

/** How long a lease may outlive its time: the calm after an outage, twice when outages follow each other, and the reaper's pace. */
export const expiryMargin = 2 * timing.leaseLife + releaseMargin;

/** Longest silence in which not one more piece of work ends, once trouble is over. */
export const settleMargin = timing.leaseLife + expiryMargin;

/** What troubles between two moments may have cost, from their effects to their recovery; overlapping ones count once. */
export function allowance(troubles: readonly Trouble[], from: number, to: number): number {
  let cost = 0;
  let counted = from;
  for (const trouble of troubles.toSorted((a, b) => a.from - b.from)) {
    const start = Math.max(trouble.from, counted);
    const end = Math.min(trouble.to + recovery, to);
    if (end <= start) continue;
    cost += end - start;
    counted = end;
  }
  return cost;
}
