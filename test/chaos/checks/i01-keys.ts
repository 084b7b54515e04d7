import { type Check, each } from "./check.ts";

/** A directory or sandbox was born after its key was written down. File systems cut times; the clock is one machine's. */
const cut = 50;

export const keysFirst: Check = {
  invariants: ["I1"],
  says: "every resource seen at a provider carries the key of a lease that was in Postgres before",
  look: ({ watched, leases }) => {
    // The first of a key: what was made too late gets one more lease, to be given back by.
    const byKey = new Map(leases.toReversed().map((lease) => [lease.key, lease]));
    return each(watched.resources, ([key, { root, bornAt }]) => {
      const lease = byKey.get(key);
      if (lease === undefined) return `${root}/${key} belongs to no lease`;
      return bornAt + cut < lease.requestedAt && `${root}/${key} was born ${Math.round(lease.requestedAt - bornAt)} ms before its lease was written down`;
    });
  },
};
