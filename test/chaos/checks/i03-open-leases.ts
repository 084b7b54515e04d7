import { groupBy } from "./group.ts";
import { isFinalLease } from "../../../src/domain/lease.ts";
import type { LeaseRow } from "../evidence/evidence.ts";
import { type Check, each, together } from "./check.ts";

export const openLeases: Check = {
  invariants: ["I3"],
  says: "one open lease per resource at any time, and never more than max_leases in an environment",
  look: async ({ leases, events, tasks }) => {
    const eventsOf = groupBy(events, (event) => event.lease);
    const span = (lease: LeaseRow, ...begins: string[]): { from: number; to: number } | null => {
      const mine = eventsOf.get(lease.id) ?? [];
      const from = mine.find((event) => begins.includes(event.event))?.at;
      return from === undefined ? null : { from, to: mine.findLast((event) => isFinalLease(event.to))?.at ?? Number.POSITIVE_INFINITY };
    };
    const byResource = groupBy(leases, (lease) => `${lease.backend} ${lease.key}`);
    const limits = new Map(tasks.flatMap(({ place }) => (place.maxLeases === null ? [] : [[place.id, place.maxLeases] as const])));
    return together(
      await each(byResource, ([key, of]) => {
        const most = mostAtOnce(of.map((lease) => span(lease, "request", "orphan")));
        return most > 1 && `${most} leases of ${key} were open at once`;
      }),
      await each(limits, ([environment, max]) => {
        const most = mostAtOnce(leases.filter((lease) => lease.environment === environment).map((lease) => span(lease, "claim")));
        return most > max && `${most} leases of environment ${environment} had a place at once; max_leases is ${max}`;
      }),
    );
  },
};

function mostAtOnce(spans: readonly ({ from: number; to: number } | null)[]): number {
  const changes = spans.flatMap((span) => (span === null ? [] : [{ at: span.from, by: 1 }, { at: span.to, by: -1 }]));
  let now = 0;
  let most = 0;
  for (const { by } of changes.toSorted((a, b) => a.at - b.at || a.by - b.by)) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}
