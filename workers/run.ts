import { type Job, WaitingChildrenError } from "bullmq";
import type { QueueBells } from "../queues/bells.ts";
import { isBell, runBell, runSubmission } from "../queues/catalog.ts";
import { acceptRun } from "../src/runs/accept.ts";
import { advanceRun } from "../src/runs/advance.ts";
import type { Fleet } from "../src/leases/fleet.ts";
import { outcomeOf, payloadOf } from "./outcome.ts";

/**
 * Decides a run's next step. A submission is written down first; after that the job is a bell like any other. Steps are
 * added as children and the job waits for them, so that operators see a tree; nothing depends on it.
 */
export function runJob(fleet: Fleet, bells: QueueBells) {
  return async (job: Job, token: string | undefined): Promise<string> => {
    const runId = isBell(job.data) ? payloadOf(runBell, job).run : await accept(fleet, job, payloadOf(runSubmission, job));
    return outcomeOf(fleet.log, async () => {
      const advanced = await advanceRun(fleet, runId);
      if (advanced.steps.length === 0) return advanced.ended ? "ended" : "waits";
      await Promise.all(advanced.steps.map((step) => bells.stepUnder({ id: job.id ?? "", queue: job.queueQualifiedName }, step)));
      if (token !== undefined && (await job.moveToWaitingChildren(token))) throw new WaitingChildrenError();
      return advanced.steps.map((s) => s.verb).join(", ");
    });
  };
}

async function accept(fleet: Fleet, job: Job, submission: { company: string; idempotencyKey: string; request: unknown }): Promise<string> {
  const accepted = await outcomeOf(fleet.log, () => acceptRun(fleet.db, submission.company, submission.idempotencyKey, submission.request));
  if (typeof accepted === "string") throw new Error(accepted);
  await job.updateData({ v: 1, run: accepted.run.id });
  return accepted.run.id;
}
