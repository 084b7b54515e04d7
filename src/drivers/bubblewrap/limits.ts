import { readFileSync } from "node:fs";
import type { Limits } from "./config.ts";

/** The limits of this process that cannot be raised, by their names in /proc/self/limits. */
function ownLimits(): ReadonlyMap<string, number> {
  const lines = readFileSync("/proc/self/limits", "utf8").split("\n").slice(1);
  return new Map(lines.map((line) => [line.slice(0, 26).trim(), Number(line.slice(47, 68).trim().replace("unlimited", "Infinity"))]));
}

/** The environment's limits as far as this worker may grant them: no more than it has itself. */
export function grantable(wanted: Limits): Limits {
  const own = ownLimits();
  const least = (value: number, name: string): number => Math.min(value, own.get(name) ?? Number.POSITIVE_INFINITY);
  return {
    ...wanted,
    memoryBytes: least(wanted.memoryBytes, "Max data size"),
    processes: least(wanted.processes, "Max processes"),
    fileBytes: least(wanted.fileBytes, "Max file size"),
    openFiles: least(wanted.openFiles, "Max open files"),
    cpuSeconds: least(wanted.cpuSeconds, "Max cpu time"),
  };
}

/** The words that set what a kernel limits per process or user, before argv. `grouped`: memory is limited for the whole lease, elsewhere. */
export const limitArguments = (limits: Limits, grouped: boolean): readonly string[] => [
  "prlimit",
  "--core=0",
  `--nproc=${limits.processes}`,
  `--fsize=${limits.fileBytes}`,
  `--nofile=${limits.openFiles}`,
  `--cpu=${limits.cpuSeconds}`,
  ...(grouped ? [] : [`--data=${limits.memoryBytes}`]),
  "--",
];
