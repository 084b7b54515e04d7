import { runningFor } from "../db/executions.ts";
import type { Attempt } from "./attempt.ts";

/**
 * Calls `onTimeout` when the command has run for its full time, or for as long as its place allows, counted by the database's clock from its start, so that a
 * hand-over does not start the time anew.
 */
export async function watchTimeout(work: Attempt, onTimeout: () => Promise<void>): Promise<Disposable> {
  const { current } = work.state;
  const whole = Math.min(current.timeoutMs, work.session.enclosure?.wallMs ?? Number.POSITIVE_INFINITY);
  const left = whole - (current.offer > 1 ? await runningFor(work.fleet.db, current.id) : 0);
  const timer = setTimeout(
    () => {
      onTimeout().catch((err: unknown) => work.log.warn({ err }, "could not ask for the end of a command whose time is over"));
    },
    Math.max(0, left),
  );
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
