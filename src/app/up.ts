import { arch, platform } from "node:os";
import type { Config } from "../config.ts";
import { timing } from "../domain/defaults.ts";
import { isKind } from "../domain/errors.ts";
import { openLog } from "../log.ts";
import { withRunning } from "./up/end-running.ts";
import { type LocalFleet, logsIn, startFleet } from "./up/fleet.ts";
import { tokenFile } from "./up/token.ts";
import { type Told, untilTold } from "./until-told.ts";
import { packageVersion } from "./version.ts";

export interface UpOptions {
  readonly workers?: number;
  readonly backends?: readonly string[];
  /** Where to tell people what happens; a line each. */
  readonly say: (line: string) => void;
  /** Told when everything is up; without it, people are told what to do next. */
  readonly ready?: (facts: UpFacts) => void;
}

/** What a program has to know of a fleet that is up. */
export interface UpFacts {
  readonly url: string;
  readonly companyId: string;
  readonly tokenFile: string;
  readonly logs: string;
  readonly runsGo: LocalFleet["runsGo"];
}

/** The whole fleet on this machine, until Ctrl-C. The first hands running commands on; a second one ends them too. */
export async function runUp(config: Config, options: UpOptions): Promise<void> {
  const { say } = options;
  const told = untilTold();
  const log = openLog(config.logLevel === "info" ? "warn" : config.logLevel, "up");
  say(`Leasehold ${packageVersion()} on ${platform()} ${arch()}, data in ${config.dataDir}`);
  const giveUp = new AbortController();
  void told.first.then(() => giveUp.abort());
  const fleet = await startFleet(config, { workers: options.workers ?? 2, ...(options.backends === undefined ? {} : { backends: options.backends }), progress: say, signal: giveUp.signal }, log).catch((error: unknown) => {
    if (!isKind(error, "cancelled")) throw error;
    say("Stopped before it was up.");
    return null;
  });
  if (fleet === null) return;
  if (options.ready === undefined) sayWhatNext(fleet, config, say);
  else options.ready({ url: fleet.url, companyId: fleet.companyId, tokenFile: tokenFile(config.dataDir), logs: logsIn(config.dataDir), runsGo: fleet.runsGo });
  await told.first;
  await stop(fleet, told, say);
  told.done();
}

function sayWhatNext(fleet: LocalFleet, config: Config, say: (line: string) => void): void {
  const board = new URL(fleet.url);
  board.pathname = "/queues";
  for (const line of [
    "",
    `API      ${fleet.url}`,
    `Board    ${board.href}  (any user name, password: the token)`,
    `Token    ${tokenFile(config.dataDir)}`,
    `Logs     ${logsIn(config.dataDir)}`,
    `Runs     ${whereRunsGo(fleet.runsGo)}`,
    "",
    "Now, in another terminal:",
    "",
    "  npx leasehold run -- echo hello",
    "  npx leasehold run list",
    "",
    "Ctrl-C stops the fleet.",
  ]) {
    say(line);
  }
}

function whereRunsGo({ environment, backend, served }: LocalFleet["runsGo"]): string {
  if (!served) return `wait: they go to environment ${environment}, and no worker of this fleet serves ${backend} (npx leasehold env default NAME chooses another)`;
  if (backend === "local") return "on this machine as this user: a command can do what you can";
  return `in environment ${environment}, a sandbox each, unless they name another (npx leasehold env list)`;
}

async function stop(fleet: LocalFleet, told: Told, say: (line: string) => void): Promise<void> {
  say("Stopping: workers hand running commands on. Press Ctrl-C again to end them too.");
  // Who cannot wait for the hand-over need not.
  await Promise.race([fleet.stopProcesses(), told.second.then(() => fleet.killProcesses())]);
  try {
    await endOrLeave(fleet, told, say);
  } finally {
    await fleet.stopServices();
  }
  say("Stopped.");
}

/** Says what goes on, and ends it if told to. */
async function endOrLeave(fleet: LocalFleet, told: Told, say: (line: string) => void): Promise<void> {
  await withRunning(fleet.config, async (running, end) => {
    if (running.length === 0) return;
    say(`${running.length} running ${running.length === 1 ? "command goes" : "commands go"} on without the fleet:`);
    for (const execution of running) say(`  ${execution.runId === null ? `lease ${execution.leaseId}` : `run ${execution.runId}`}  ${execution.argv.join(" ").slice(0, 80)}`);
    if (await secondSignal(told)) {
      say("Ending them.");
      await end();
      return;
    }
    const minutes = Math.round(timing.watchdog / 60_000);
    say(`The next \`leasehold up\` on this data directory follows them again. Without one they are ended after ${minutes} minutes.`);
  });
}

/** Whether a second signal came already, or comes within the time that a person has to think. */
async function secondSignal(told: Told): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const nobody = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timing.secondSignal);
  });
  try {
    return await Promise.race([told.second.then(() => true), nobody]);
  } finally {
    clearTimeout(timer);
  }
}
