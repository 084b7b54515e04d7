import { groupBy } from "./group.ts";
import { type Check, each, together } from "./check.ts";

export const oneResource: Check = {
  invariants: ["I2"],
  says: "a run has one lease, a lease one resource, and what a provider made too much is gone",
  look: async ({ runs, leases, tasks, watched, left }) => {
    const ofRun = groupBy(leases.filter((lease) => lease.run !== null), (lease) => lease.run);
    const doubling = new Set(tasks.filter((task) => task.place.faults.some((f) => f.fault === "duplicate" || f.fault === "create_late")).map((task) => task.place.id));
    const environmentOf = new Map(leases.map((lease) => [lease.key, lease.environment]));
    return together(
      await each(runs, (run) => (ofRun.get(run.id)?.length ?? 0) > 1 && `run ${run.id} had ${ofRun.get(run.id)?.length} leases`),
      await each(watched.sandboxes, ([key, most]) => most > 1 && !doubling.has(environmentOf.get(key) ?? "") && `the provider held ${most} sandboxes of ${key} at once`),
      await each(left.provider, (what) => `left at the provider: ${what}`),
    );
  },
};
