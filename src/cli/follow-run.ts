import { constants } from "node:os";
import type { Leasehold, Run } from "../client/index.ts";
import { exitOf } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Interrupts } from "./interrupts.ts";
import { codeOf } from "./outcome-code.ts";
import { complain, note } from "./print.ts";
import { narrate, type Narration } from "./narrate.ts";

export interface FollowOptions {
  /** Event id to begin after; without it, from the first byte. */
  readonly from?: string;
  readonly verbose?: true;
  readonly json?: true;
}

/**
 * Stays with a run until it has ended and its environment was given back: its output byte for byte, its outcome as our exit
 * code. An interrupt cancels the run and goes on waiting.
 */
export async function followRun(client: Leasehold, run: Run, interrupts: Interrupts, options: FollowOptions): Promise<number> {
  const narration = narrate(options);
  await narration.begin(run);
  interrupts.onAsked(() => {
    note("Cancelling, and waiting until the environment is given back. Press Ctrl-C again to leave it behind.");
    client.runs.cancel(run.id, { signal: interrupts.left }).catch((error: unknown) => {
      if (!interrupts.left.aborted) complain(`could not cancel: ${exitOf(error).message}`);
    });
  });
  try {
    for await (const event of client.runs.events(run.id, { signal: interrupts.left, ...(options.from === undefined ? {} : { from: options.from }) })) {
      await narration.tell(event);
      if (event.type === "end") {
        const code = codeOf(event.outcome);
        await narration.end(await client.runs.get(run.id), code);
        return code;
      }
    }
    throw new Error("the events ended before the run did");
  } catch (error) {
    return afterFailure(client, run, interrupts, narration, error);
  }
}

async function afterFailure(client: Leasehold, run: Run, interrupts: Interrupts, narration: Narration, error: unknown): Promise<number> {
  if (narration.closed) {
    // As in a pipeline: who writes for nobody is ended.
    await client.runs.cancel(run.id);
    return exitCodes.outputClosed;
  }
  const where = `leasehold run attach ${run.id}`;
  if (interrupts.left.aborted) {
    note(interrupts.asked ? `Left behind; it is being cancelled. See it with: leasehold run show ${run.id}` : `Left behind; it goes on. Join it with: ${where}`);
    return 128 + constants.signals[interrupts.leftBy];
  }
  const { code, message } = exitOf(error);
  complain(message);
  note(`The run goes on. Join it with: ${where}`);
  return code;
}
