import { setTimeout as sleep } from "node:timers/promises";
import { runningFor } from "../db/executions.ts";
import { clockSettled } from "../db/installation.ts";
import { throughOutage } from "../db/retry.ts";
import { timing } from "../domain/defaults.ts";
import type { Attempt } from "./attempt.ts";

/**
 * Calls `onTimeout` when the command has run for its full time, or for as long as its place allows, counted by the database's clock from its start, so that a
 * hand-over does not start the time anew. A clock that was just set says nothing until a reaper has seen that.
 */
export function watchTimeout(work: Attempt, onTimeout: () => Promise<void>): Disposable {
  const { current } = work.state;
  const whole = Math.min(current.timeoutMs, work.session.enclosure?.wallMs ?? Number.POSITIVE_INFINITY);
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    onTimeout().catch((err: unknown) => work.log.warn({ err }, "could not ask for the end of a command whose time is over"));
  };
  const stop = new AbortController();
  if (current.offer === 1) timer = setTimeout(end, whole);
  else {
    // Not waited for: meanwhile the command is followed.
    ranBefore(work, AbortSignal.any([work.signal, stop.signal])).then(
      (ms) => {
        if (!stop.signal.aborted) timer = setTimeout(end, Math.max(0, whole - ms));
      },
      (err: unknown) => work.log.debug({ err }, "left before it was known how long a command had run"),
    );
  }
  return {
    [Symbol.dispose]: () => {
      stop.abort(new Error("not watched any more"));
      clearTimeout(timer);
    },
  };
}

/** How long the command has run, once the database's clock can be believed or nobody has said so for as long as an outage lasts. */
async function ranBefore({ fleet, state }: Attempt, signal: AbortSignal): Promise<number> {
  const until = performance.now() + timing.outage;
  while (!(await throughOutage(() => clockSettled(fleet.db), { signal })) && performance.now() < until) await sleep(timing.sweep, undefined, { signal });
  return throughOutage(() => runningFor(fleet.db, state.current.id), { signal });
}
