import type { Execution, Leasehold } from "../client/index.ts";
import { follow } from "./follow.ts";
import type { Interrupts } from "./interrupts.ts";
import type { Narration } from "./narrate.ts";

/** Stays with a command in an ad-hoc lease until it has ended. `own` says whether its lease goes with it. Gives the exit code. */
export function followExecution(client: Leasehold, execution: Execution, interrupts: Interrupts, narration: Narration, own: boolean): Promise<number> {
  const { id, leaseId } = execution;
  const after = own ? `then its lease expires. End both now with: leasehold lease release ${leaseId}` : `in lease ${leaseId}.`;
  return follow(
    {
      begun: { execution },
      events: (wanted) => client.executions.events(id, wanted),
      cancel: (how) => client.executions.cancel(id, how),
      ended: async () => ({ execution: await client.executions.get(id) }),
      words: {
        asked: "Cancelling, and waiting until the command has ended. Press Ctrl-C again to leave it behind.",
        left: `Left behind; the command goes on to its end, ${after}`,
        leftAsked: `Left behind; the command is being cancelled, ${after}`,
        // A lease of our own is about to be given back, and the command with it.
        unseen: own ? null : `The command goes on, ${after}`,
      },
    },
    interrupts,
    narration,
  );
}
