import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";

export interface Seen {
  readonly pid: number;
  readonly command: string;
}

/** Living processes (zombies do not count) of which `belongs` says yes. */
export function processes(belongs: (pid: number) => boolean): Seen[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => alive(pid) && belongs(pid))
    .map((pid) => ({ pid, command: attempt(() => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").slice(0, 200)) }));
}

/** Whether the process is there and no zombie. */
export function alive(pid: number): boolean {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  return stat !== "" && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
}

/** Processes that work in a directory below `path`, or name it: supervisors, pumps, watchdogs, followers and commands of its leases. */
export const processesUnder = (path: string): Seen[] =>
  processes(
    (pid) =>
      pid !== process.pid &&
      (attempt(() => readlinkSync(`/proc/${pid}/cwd`)).startsWith(path) || attempt(() => readFileSync(`/proc/${pid}/cmdline`, "utf8")).includes(path)),
  );

/**
 * Ends what still works below these directories of `dataDir`. Of a test that passed there is nothing; commands of one that
 * failed would go on for good, and take the time of all tests after it.
 */
export const endProcessesUnder = (dataDir: string, names: readonly string[]): Promise<void> =>
  eventually(() => {
    const remaining = names.flatMap((name) => processesUnder(join(dataDir, name)));
    for (const { pid } of remaining) attempt(() => String(process.kill(pid, "SIGKILL")));
    if (remaining.length > 0) throw new Error(`still there: ${JSON.stringify(remaining)}`);
  });

/** Processes that carry an execution's cookie. */
export const processesOf = (execution: string): Seen[] =>
  processes((pid) => attempt(() => readFileSync(`/proc/${pid}/environ`, "latin1")).split("\0").includes(`LEASEHOLD_EXECUTION=${execution}`));

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
