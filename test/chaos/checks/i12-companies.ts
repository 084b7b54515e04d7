import { type Check, each, together } from "./check.ts";

export const companies: Check = {
  invariants: ["I12"],
  says: "another company's token gets 404 for everything, and nobody's activity is told to others",
  look: async ({ intrusions, runs, leases, executions, activity }) => {
    const owner = new Map([...runs, ...leases, ...executions].map((row) => [row.id, row.company]));
    return together(
      await each(intrusions, ({ request, status, told }) => status !== 404 && `${request} was answered ${status}${told === null ? "" : `: ${told}`}`),
      await each(activity, ({ entity, company }) => owner.has(entity) && owner.get(entity) !== company && `company ${company} was told about ${entity}, which is not its own`),
      await each(leases, (lease) => lease.run !== null && owner.get(lease.run) !== lease.company && `lease ${lease.id} is for a run of another company`),
    );
  },
};
