import { DelayedError, type Job, UnrecoverableError, WaitingChildrenError } from "bullmq";
import type { z } from "zod";
import type { QueueBells } from "../queues/bells.ts";
import { isBell, isNewer, runBell, runSubmission } from "../queues/catalog.ts";
import { timing } from "../src/domain/defaults.ts";
import { isKind } from "../src/domain/errors.ts";
import { acceptRun, isFirstOrRungFor } from "../src/runs/accept.ts";
import { advanceRun } from "../src/runs/advance.ts";
import type { Fleet } from "../src/leases/fleet.ts";
import { leaveToNewer } from "./newer-payload.ts";
import { outcomeOf, payloadOf } from "./outcome.ts";

/**
 * Decides a run's next step. A submission is written down first; after that the job is a bell like any other. Steps are
 * added as children and the job waits for them, so that operators see a tree; nothing depends on it.
 */
export function runJob(fleet: Fleet, bells: QueueBells) {
  return async (job: Job, token: string | undefined): Promise<string> => {
    if (isNewer(job.data) && !isBell(job.data)) return leaveToNewer(job, token, fleet.log);
    if (isBackFromSteps(job)) return "its steps are done";
    const runId = isBell(job.data) ? payloadOf(runBell, job).run : await accept(fleet, job, token, payloadOf(runSubmission, job));
    if (runId === null) return "accepted";
    const advanced = await outcomeOf(fleet.log, () => advanceRun(fleet, runId));
    if (typeof advanced === "string") return advanced;
    if (advanced.steps.length === 0) return advanced.ended ? "ended" : "waits";
    await Promise.all(advanced.steps.map((step) => bells.stepUnder({ id: job.id ?? "", queue: job.queueQualifiedName }, step)));
    if (token !== undefined && (await job.moveToWaitingChildren(token))) throw new WaitingChildrenError();
    return advanced.steps.map((s) => s.verb).join(", ");
  };
}

/**
 * Whether the job comes here again because its steps are done: each of them has led to the next decision already. One that is
 * offered again because its worker died, or that an operator retries, is a bell like any other.
 */
const isBackFromSteps = (job: Job): boolean => isBell(job.data) && job.attemptsStarted > 1 && job.attemptsMade === 0 && job.stalledCounter === 0;

/**
 * Writes a submission down. Until that has worked the job is the only copy: unless it can never work, it is put back and
 * tried again, as long as it takes. Gives the run if it can be decided about at once. Where others of its company wait for that,
 * it is rung for behind them, and this is all: writing down what comes is quick, and companies take turns after it.
 */
async function accept(fleet: Fleet, job: Job, token: string | undefined, submission: z.output<typeof runSubmission>): Promise<string | null> {
  try {
    const { run } = await acceptRun(fleet.db, submission.company, submission.idempotencyKey, submission.request);
    await job.updateData({ v: 1, run: run.id });
    return (await isFirstOrRungFor(fleet, run)) ? run.id : null;
  } catch (error) {
    if (isKind(error, "invalid")) throw new UnrecoverableError(`${error.code}: ${error.message}`);
    fleet.log.warn({ err: error, job: job.id }, "could not write a submission down; will try again");
    await job.moveToDelayed(Date.now() + timing.submissionRetry, token);
    throw new DelayedError();
  }
}
