import { isOutage, throughOutage } from "../db/retry.ts";
import { timing } from "../domain/defaults.ts";
import { busy, reasonOf } from "../domain/errors.ts";

/** Does what a process needs of the database to start. Waits a while for one that is away; then throws `busy` `database_unavailable`. */
export async function atStart<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await throughOutage(work, { limitMs: timing.start });
  } catch (error) {
    if (!isOutage(error)) throw error;
    throw busy("database_unavailable", `the database could not be reached for ${timing.start / 1000} s: ${reasonOf(error)}`, { cause: error });
  }
}
