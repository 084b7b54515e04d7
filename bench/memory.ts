import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/** Megabytes that each worker of the fleet in `dataDir` has in memory now, and the most it had since `forgetPeaks`. */
export const workerMemory = (dataDir: string): { readonly now: number; readonly peak: number }[] =>
  workers(dataDir).map((pid) => {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const megabytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
    return { now: megabytes("VmRSS"), peak: megabytes("VmHWM") };
  });

/** The most that a worker had in memory is counted anew from here on. */
export function forgetPeaks(dataDir: string): void {
  for (const pid of workers(dataDir)) writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

const workers = (dataDir: string): string[] =>
  readdirSync("/proc").filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("leasehold.js\0worker") && readFileSync(`/proc/${pid}/environ`, "utf8").includes(dataDir);
    } catch {
      // No process, or one that has ended.
      return false;
    }
  });
