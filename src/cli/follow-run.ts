import type { Leasehold, Run } from "../client/index.ts";
import { follow } from "./follow.ts";
import type { Interrupts } from "./interrupts.ts";
import { narrate, type NarrationOptions } from "./narrate.ts";

export interface FollowOptions extends NarrationOptions {
  /** Event id to begin after; without it, from the first byte. */
  readonly from?: string;
}

/** Stays with a run until it has ended and its environment was given back. Gives the exit code. */
export function followRun(client: Leasehold, run: Run, interrupts: Interrupts, options: FollowOptions): Promise<number> {
  const { id } = run;
  const join = `leasehold run attach ${id}`;
  return follow(
    {
      begun: { run },
      events: (wanted) => client.runs.events(id, wanted),
      cancel: (how) => client.runs.cancel(id, how),
      ended: async () => ({ run: await client.runs.get(id) }),
      words: {
        asked: "Cancelling, and waiting until the environment is given back. Press Ctrl-C again to leave it behind.",
        left: `Left behind; it goes on. Join it with: ${join}`,
        leftAsked: `Left behind; it is being cancelled. See it with: leasehold run show ${id}`,
        unseen: `The run goes on. Join it with: ${join}`,
      },
    },
    interrupts,
    narrate(options),
    options.from,
  );
}
