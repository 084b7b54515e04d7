import { setTimeout as sleep } from "node:timers/promises";
import { cancelled, refused, transient } from "../domain/errors.ts";
import { isRunning } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { isFree } from "./ports.ts";
import { spawnServer } from "./spawn-server.ts";
import type { Launch } from "./spawn-server.ts";
import { startTries, timing } from "./timing.ts";

/** Asks a server for an answer under its password: false = not yet. Throws `refused` when the password is not the server's. */
export type Answers = () => Promise<boolean>;

export interface Start {
  name: "postgres" | "redis";
  port: number;
  launch: Launch;
  answers: Answers;
}

/**
 * Starts a server and waits until it answers. A server that ends at once is started again a few times: right after a crash
 * the remains of its predecessor can be in the way. Throws `transient` with code `port_taken` when somebody else listens
 * on the port, `refused` with the server's own words when it cannot run.
 */
export async function startServer(start: Start, signal: AbortSignal): Promise<ProcessIdentity> {
  let said = "";
  for (let tries = 1; tries <= startTries; tries++) {
    if (!(await isFree(start.port))) {
      throw transient("port_taken", `Another program listens on 127.0.0.1:${start.port}, the port of the embedded ${start.name}`);
    }
    const launched = await spawnServer(start.launch);
    const { process } = launched;
    if (process !== undefined && (await answered(start, () => !launched.ended(), signal))) return process;
    said = await launched.said();
    await sleep(tries * 100);
  }
  throw refused(`${start.name}_unavailable`, `The embedded ${start.name} ended right after its start: ${said} (log: ${start.launch.logFile})`);
}

/** Waits until a server that runs already answers; false when it ended first. */
export const attach = (start: Start, process: ProcessIdentity, signal: AbortSignal): Promise<boolean> =>
  answered(start, () => isRunning(process), signal);

async function answered(start: Start, lives: () => boolean, signal: AbortSignal): Promise<boolean> {
  const end = performance.now() + timing.start;
  while (performance.now() < end) {
    if (signal.aborted) throw cancelled(`${start.name}_stopped`, `The embedded ${start.name} was stopped while it started`);
    if (!lives()) return false;
    // Looked at again after the answer, so that the answer of a server on its way out does not count.
    if ((await start.answers()) && lives()) return true;
    await sleep(timing.poll);
  }
  throw refused(
    `${start.name}_unavailable`,
    `The embedded ${start.name} runs but does not answer on 127.0.0.1:${start.port} (log: ${start.launch.logFile})`,
  );
}
