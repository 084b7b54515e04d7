import { constants } from "node:os";
import type { EventsOptions, ExecutionEvent, RunEvent } from "../client/index.ts";
import { exitOf } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Interrupts } from "./interrupts.ts";
import type { Narration, Told } from "./narrate.ts";
import { codeOf } from "./outcome-code.ts";
import { complain, fail, note } from "./print.ts";

/** Something with a command that the command line stays with: a run, or an execution in a lease. */
export interface Followed {
  /** As it was when it was asked for. */
  readonly begun: Told;
  events(options: EventsOptions): AsyncIterable<RunEvent | ExecutionEvent>;
  cancel(options?: { signal: AbortSignal }): Promise<unknown>;
  /** As it is now that it has ended. */
  ended(): Promise<Told>;
  /** What a person is told who interrupts, leaves, leaves after having interrupted, or loses sight of it. */
  readonly words: { readonly asked: string; readonly left: string; readonly leftAsked: string; readonly unseen: string | null };
}

/**
 * Stays with it to its end: its output byte for byte, its outcome as our exit code. An interrupt cancels it and goes on
 * waiting. `from` is the event id to begin after; without it, from the first byte.
 */
export async function follow(followed: Followed, interrupts: Interrupts, narration: Narration, from?: string): Promise<number> {
  await narration.begin(followed.begun);
  interrupts.onAsked(() => {
    note(followed.words.asked);
    followed.cancel({ signal: interrupts.left }).catch((error: unknown) => {
      if (!interrupts.left.aborted) complain(`could not cancel: ${exitOf(error).message}`);
    });
  });
  try {
    for await (const event of followed.events({ signal: interrupts.left, ...(from === undefined ? {} : { from }) })) {
      await narration.tell(event);
      if (event.type === "end") {
        const code = codeOf(event.outcome);
        await narration.end(await followed.ended(), code);
        return code;
      }
    }
    throw new Error("the events broke off before their end");
  } catch (error) {
    return afterFailure(followed, interrupts, narration, error);
  }
}

async function afterFailure(followed: Followed, interrupts: Interrupts, narration: Narration, error: unknown): Promise<number> {
  const { words } = followed;
  if (narration.closed) {
    // As in a pipeline: who writes for nobody is ended.
    await followed.cancel();
    return exitCodes.outputClosed;
  }
  if (interrupts.left.aborted) {
    note(interrupts.asked ? words.leftAsked : words.left);
    return 128 + constants.signals[interrupts.leftBy];
  }
  const { code, message, problem } = exitOf(error);
  fail(message, problem);
  if (words.unseen !== null) note(words.unseen);
  return code;
}
