import { groupBy } from "./group.ts";
import { type Check, each, together } from "./check.ts";
import { executionsOf, runsOf } from "./task-rows.ts";

export const accepted: Check = {
  invariants: ["I13"],
  says: "what was accepted has ended; only what Redis alone had may be lost with it",
  look: async (evidence) => {
    const { tasks, troubles, runs, activity, leases } = evidence;
    const ofTask = runsOf(evidence);
    const executions = executionsOf(evidence);
    const flushed = (since: number): boolean => troubles.some((trouble) => trouble.kind === "flush" && trouble.to >= since);
    const ids = new Set([...runs.map((run) => run.id), ...evidence.executions.map((x) => x.id)]);
    const told = groupBy(activity, (a) => `${a.action} ${a.entity}`);
    return together(
      await each(tasks, (task) => task.accepted.some((id) => !ids.has(id)) && `${task.id} was accepted as ${task.accepted.join(", ")}, and there is no such row`),
      await each(tasks, (task) => {
        const run = ofTask.get(task.id);
        if (task.via === "lease") return executions.get(task.id)?.some((x) => x.state !== "final") === true && `execution of ${task.id} has no end`;
        if (run === undefined) return task.via === "queue" && task.refused.length === 0 && !flushed(task.askedAt) && `${task.id} was put on the queue, and there is no run of it`;
        return run.phase !== "ended" && `${task.id}: run ${run.id} is ${run.phase}`;
      }),
      // A client that is patient gets through any trouble made here.
      await each(tasks, (task) => task.via !== "lease" && task.refused.length > 0 && `${task.id} was refused: ${task.refused.join("; ")}`),
      await each(told, ([what, of]) => of.length > 1 && what.includes("lease_") && `told ${of.length} times: ${what}`),
      await each(leases, (lease) => lease.acquiredAt === null && told.has(`environment.lease_acquired ${lease.id}`) && `lease ${lease.id} was told to be acquired and never was`),
    );
  },
};
