import { randomUUID } from "node:crypto";
import type { Db } from "../db/client.ts";
import { confirmedWitness, hostWitness, replaceWitness } from "../db/reconcile-hold.ts";

/**
 * Numbers that this machine remembers, in a place that does not go back in time with the database. Several processes may
 * use it at once.
 */
export interface HostMemory {
  known(): Promise<readonly string[]>;
  /** Durable when it returns. */
  remember(number: string): Promise<void>;
  forget(numbers: readonly string[]): Promise<void>;
}

/**
 * Compares the database's number for this machine with what the machine remembers, and agrees with it on a new one. Gives
 * why the database is not to be trusted, or null when it is: an older state of it, or a copy that went on without this
 * machine, has a number that the machine has forgotten.
 *
 * A number is remembered before it is written, and forgotten after another one was. So whoever dies in between leaves one
 * too many in the memory, which the next one forgets, and never one too few; that holds for any number of workers at once.
 * A number never comes back: who forgets what was remembered before its own succeeded, forgets nothing that can still be
 * written.
 */
export async function bearWitness(db: Db, host: { readonly id: string; readonly name: string }, memory: HostMemory): Promise<string | null> {
  for (;;) {
    const seen = await hostWitness(db, host.id);
    const known = await memory.known();
    const agreed = seen === confirmedWitness || (seen === null ? known.length === 0 : known.includes(seen));
    if (!agreed) {
      // Unless another worker of this machine was between its two steps.
      if ((await hostWitness(db, host.id)) !== seen) continue;
      return seen === null ? `host ${host.name} remembers this installation, and the database does not know of it` : `host ${host.name} does not remember the state that the database is in`;
    }
    if (seen === null) {
      // The first time. A number remembered now, by somebody who then dies, would look like the memory of a later state.
      await replaceWitness(db, host, null, confirmedWitness);
      continue;
    }
    const next = randomUUID();
    await memory.remember(next);
    if (!(await replaceWitness(db, host, seen, next))) continue;
    await memory.forget(known);
    return null;
  }
}
