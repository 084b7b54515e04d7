import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { reasonOf } from "../domain/errors.ts";
import { isRunning } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import type { Server } from "./server.ts";
import { timing } from "./timing.ts";

export interface Kept {
  /** The pid of the server now. */
  readonly pid: number;
  /** Stops watching, then the server. May be called again. */
  stop(): Promise<void>;
}

/**
 * Watches a running server and starts it again, on the same port, whenever it dies while nobody asked it to. Never gives
 * up: an error is logged and tried again, since the clients cannot do anything else either. The watch does not
 * keep this process alive.
 */
export function keepRunning(server: Server, first: ProcessIdentity, log: Logger): Kept {
  const stopping = new AbortController();
  const { signal } = stopping;
  let current = first;
  let stopped: Promise<void> | undefined;

  /** Waits; at once when stopping. */
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false, signal }).catch(() => undefined);

  async function watch(): Promise<void> {
    let wait: number = timing.restartBase;
    while (!signal.aborted) {
      const since = performance.now();
      while (isRunning(current) && !signal.aborted) await pause(timing.watch);
      if (signal.aborted) return;
      log.warn({ service: server.name, pid: current.pid }, `${server.name} died; starting it again`);
      if (performance.now() - since > timing.settled) wait = timing.restartBase;
      for (;;) {
        await pause(wait);
        if (signal.aborted) return;
        wait = Math.min(wait * 2, timing.restartMax);
        try {
          current = await server.start(signal);
          log.warn({ service: server.name, pid: current.pid }, `${server.name} is back`);
          break;
        } catch (error) {
          if (signal.aborted) return;
          log.error({ service: server.name, reason: reasonOf(error), wait }, `${server.name} did not start; trying again`);
        }
      }
    }
  }

  const watching = watch();
  return {
    get pid() {
      return current.pid;
    },
    stop: () =>
      (stopped ??= (async () => {
        stopping.abort();
        await watching;
        await server.stop();
      })()),
  };
}
