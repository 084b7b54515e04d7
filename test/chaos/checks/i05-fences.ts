import { groupBy } from "./group.ts";
import { isFinalLease, leaseRules, type LeaseEvent } from "../../../src/domain/lease.ts";
import type { EventRow } from "../evidence/evidence.ts";
import { type Check, each } from "./check.ts";

export const fences: Check = {
  invariants: ["I5"],
  says: "a lease's events form one chain: each begins where the last one ended, follows the table, and its fence never falls; nor does that of its resource",
  look: ({ leases, events }) => {
    const eventsOf = groupBy(events, (event) => event.lease);
    const highest = new Map<string, number>();
    return each(leases, (lease) => {
      const mine = eventsOf.get(lease.id) ?? [];
      const broken = brokenAt(mine, highest.get(lease.key) ?? 0);
      highest.set(lease.key, lease.fence);
      const last = mine.at(-1);
      if (broken !== null) return `lease ${lease.id}: ${broken}`;
      return (last?.to !== lease.state || last.fence !== lease.fence) && `lease ${lease.id} is ${lease.state} with fence ${lease.fence}, and its last event led to ${last?.to} with fence ${last?.fence}`;
    });
  },
};

/** `known`: the highest fence of the resource before these events. */
function brokenAt(events: readonly EventRow[], known: number): string | null {
  let before: EventRow | null = null;
  for (const event of events) {
    const said = `${event.event} ${event.from} -> ${event.to} with fence ${event.fence}`;
    if (before === null) {
      const requested = event.event === "request" && event.to === "requested" && event.fence === 0;
      const found = event.event === "orphan" && event.to === "releasing" && event.fence > known;
      if (event.from !== null || !(requested || found)) return `begins with ${said}`;
    } else {
      if (event.from !== before.to) return `${said} came after ${before.event} -> ${before.to}`;
      const rules = Object.hasOwn(leaseRules, event.event) ? leaseRules[event.event as LeaseEvent] : [];
      const from = before;
      const fits = rules.some(
        (rule) =>
          event.from !== null &&
          rule.from.includes(event.from) &&
          (rule.to === "ending" ? isFinalLease(event.to) : rule.to === event.to) &&
          event.fence === from.fence + (rule.fence ? 1 : 0) &&
          !(rule.unclaimedOnly === true && from.fence > 0),
      );
      if (!fits) return `${said} (after fence ${from.fence}) is not in the table`;
    }
    before = event;
  }
  return before === null ? "has no events" : null;
}
