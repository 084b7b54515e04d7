import { groupBy } from "./group.ts";
import type { Evidence, ExecutionRow, RunRow } from "../evidence/evidence.ts";

/** The run of each task that was submitted as one, found by its key: from the queue no id comes back. */
export function runsOf({ tasks, runs }: Evidence): Map<string, RunRow> {
  const byKey = new Map(runs.map((run) => [`${run.company} ${run.key}`, run]));
  const found = new Map<string, RunRow>();
  for (const task of tasks) {
    const run = task.via === "lease" ? undefined : byKey.get(`${task.tenant.id} ${task.key}`);
    if (run !== undefined) found.set(task.id, run);
  }
  return found;
}

/** All executions of each task. One, if all is well. */
export function executionsOf(evidence: Evidence): Map<string, ExecutionRow[]> {
  const ofRun = groupBy(evidence.executions, (x) => x.run);
  const byKey = groupBy(evidence.executions.filter((x) => x.key !== null), (x) => `${x.company} ${x.key}`);
  const runs = runsOf(evidence);
  return new Map(
    evidence.tasks.map((task) => {
      const run = runs.get(task.id);
      if (task.via === "lease") return [task.id, byKey.get(`${task.tenant.id} ${task.key}`) ?? []];
      return [task.id, run === undefined ? [] : (ofRun.get(run.id) ?? [])];
    }),
  );
}
