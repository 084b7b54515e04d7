import { AsyncLocalStorage } from "node:async_hooks";
import type { Job, Processor } from "bullmq";
import type { ParentJob, QueueBells } from "../queues/bells.ts";
import type { Advanced } from "../src/runs/advance.ts";

const current = new AsyncLocalStorage<Job | null>();

/** Has whatever a job sets off know which job it was. */
export const knowingItsJob =
  (processor: Processor): Processor =>
  (job, token, signal) =>
    current.run(job, () => processor(job, token, signal));

/** Does what a job has set off but is no part of it: of whatever run it is about, it is not of the job's tree. */
export const ofNoJob = <T>(work: () => T): T => current.run(null, work);

/**
 * Bells of a worker that, when a step of a run is done, decides the run's next step itself instead of ringing for somebody
 * to do so: one queue less to go through for each step. The next step is rung beside the one that was done, in the same
 * tree. Where it is not a step of that run's own tree, or deciding fails, the run is rung as by anybody.
 */
export function onwardBells(bells: QueueBells, advance: (runId: string) => Promise<Advanced>): QueueBells {
  return {
    ...bells,
    run: async (id, cause, rank) => {
      const parent = treeOf(id);
      if (parent === null) return bells.run(id, cause, rank);
      try {
        const { steps } = await advance(id);
        await Promise.all(steps.map(async (step) => (await bells.stepUnder(parent, step)) || bells.step(step)));
        await bells.moved(id);
      } catch {
        // Whatever it was: who is rung meets it again, and says so.
        await bells.run(id, cause);
      }
    },
  };
}

/** The run's job, when the job under way is a step of it. An acquire takes whichever lease is next: its id says for which run it was rung. */
function treeOf(runId: string): ParentJob | null {
  const { id = "", name, parent } = current.getStore() ?? {};
  if (parent?.id === undefined) return null;
  if (name === "acquire" && !id.startsWith(`acquire-${runId}-`)) return null;
  return { id: parent.id, queue: parent.queueKey };
}
