import { groupBy } from "./group.ts";
import { type Check, each, together } from "./check.ts";
import { executionsOf } from "./task-rows.ts";

export const starts: Check = {
  invariants: ["I6"],
  says: "no command started twice, by its own count, and no key made two of anything",
  look: async (evidence) => {
    const { ledger, tasks, executions, runs, leases } = evidence;
    const startsOf = groupBy(ledger.starts, (start) => start.task);
    const ofTask = executionsOf(evidence);
    const known = new Set(executions.map((x) => x.id));
    const runsByKey = groupBy(runs, (run) => `${run.company} ${run.key}`);
    const ofRun = groupBy(executions.filter((x) => x.run !== null), (x) => `${x.run} ${x.ordinal}`);
    const companyOfLease = new Map(leases.map((lease) => [lease.id, lease.company]));
    return together(
      await each(tasks, (task) => {
        const mine = startsOf.get(task.id) ?? [];
        return mine.length > 1 && `${task.id} started ${mine.length} times: ${mine.map((s) => `${s.execution} pid ${s.pid}`).join(", ")}`;
      }),
      await each(ledger.starts, (start) => !known.has(start.execution) && `${start.task} ran as execution ${start.execution}, which there is no row of`),
      await each(tasks, (task) => (ofTask.get(task.id)?.length ?? 0) > 1 && `${task.id} had executions ${ofTask.get(task.id)?.map((x) => x.id).join(", ")}`),
      await each(tasks, (task) => new Set(task.accepted).size > 1 && `key ${task.key} gave ${[...new Set(task.accepted)].join(" and ")}`),
      await each(runsByKey, ([key, of]) => of.length > 1 && `key ${key} has ${of.length} runs`),
      await each(ofRun, ([ordinal, of]) => of.length > 1 && `${of.length} executions of ${ordinal}`),
      await each(executions, (x) => companyOfLease.get(x.lease) !== x.company && `execution ${x.id} is not of its lease's company`),
    );
  },
};
