import { groupBy } from "./group.ts";
import { type Check, each, together } from "./check.ts";

export const oneResource: Check = {
  invariants: ["I2"],
  says: "a run has one lease, a lease one resource, and what a provider made too much is gone",
  look: async ({ runs, leases, events, tasks, watched, left }) => {
    const ofRun = groupBy(leases.filter((lease) => lease.run !== null), (lease) => lease.run);
    const doubling = new Set(tasks.filter((task) => task.place.faults.some((f) => f.fault === "duplicate" || f.fault === "create_late")).map((task) => task.place.id));
    // Two that acquire at once, the second because the first seemed dead, may both have made one; it does not stay.
    const claims = groupBy(events.filter(({ event }) => event === "claim"), ({ lease }) => lease);
    const takenOver = new Set(leases.filter(({ id }) => (claims.get(id)?.length ?? 0) > 1).map(({ key }) => key));
    const environmentOf = new Map(leases.map((lease) => [lease.key, lease.environment]));
    return together(
      await each(runs, (run) => (ofRun.get(run.id)?.length ?? 0) > 1 && `run ${run.id} had ${ofRun.get(run.id)?.length} leases`),
      await each(watched.sandboxes, ([key, most]) => most > 1 && !takenOver.has(key) && !doubling.has(environmentOf.get(key) ?? "") && `the provider held ${most} sandboxes of ${key} at once`),
      await each(left.provider, (what) => `left at the provider: ${what}`),
    );
  },
};
