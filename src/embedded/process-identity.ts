import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { timing } from "./timing.ts";

/** One process for all time: a pid alone comes back after a while with another process behind it. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in a form that only compares for equality; on Linux it names the boot too. */
  started: string;
}

let boot: string | undefined;
const bootId = (): string => (boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());

/** Who has this pid now; undefined when nobody has, or only a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return process.platform === "linux" ? identifyByProc(pid) : identifyByPs(pid);
}

function identifyByProc(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // ENOENT or ESRCH: it is gone. The file is readable for everybody.
  }
  // The name in parentheses may hold anything, also spaces and parentheses: count from its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  const ticks = fields[19];
  if (state === "Z" || state === "X" || ticks === undefined) return undefined;
  return { pid, started: `${bootId()}:${ticks}` };
}

function identifyByPs(pid: number): ProcessIdentity | undefined {
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    const [state = "Z", ...started] = line.split(/\s+/);
    return state.startsWith("Z") ? undefined : { pid, started: started.join(" ") };
  } catch {
    return undefined; // ps ends with 1 when there is no such process.
  }
}

export const isRunning = (one: ProcessIdentity): boolean => identify(one.pid)?.started === one.started;

/** Whether this pid cannot be given to a new process now: it has a process, or a zombie. */
export function isTaken(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Sends a signal to exactly this process; false when it is gone already. */
export function signalProcess(one: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(one)) return false;
  try {
    return process.kill(one.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/** Waits until all of them are gone; false when `timeoutMs` passed first. */
export async function allGone(processes: readonly ProcessIdentity[], timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (processes.some(isRunning)) {
    if (performance.now() > end) return false;
    await sleep(timing.poll);
  }
  return true;
}
