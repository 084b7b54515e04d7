import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Clock ticks a second, as `/proc` counts them on every Linux that Node runs on. */
const ticks = 100;

export type Part = "postgres" | "redis" | "node";

/**
 * Seconds of CPU that the living processes of a fleet have used so far, by what they are: those that are this process's
 * descendants or work below `dataDir`. This process itself does not count.
 */
export function cpuSeconds(dataDir: string): Record<Part, number> {
  const used: Record<Part, number> = { postgres: 0, redis: 0, node: 0 };
  const all = new Map(pids().flatMap((pid) => {
    const stat = read(`/proc/${pid}/stat`);
    const [, name = "", rest = ""] = /^\d+ \((.*)\) (.*)$/s.exec(stat) ?? [];
    const fields = rest.split(" ");
    return stat === "" ? [] : [[pid, { name, parent: Number(fields[1]), seconds: (Number(fields[11]) + Number(fields[12])) / ticks }] as const];
  }));
  const ours = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = all.get(at)?.parent) if (at === process.pid) return true;
    return link(`/proc/${pid}/cwd`).startsWith(dataDir) || read(`/proc/${pid}/cmdline`).includes(dataDir);
  };
  for (const [pid, { name, seconds }] of all) {
    if (pid === process.pid || !ours(pid)) continue;
    const part = name.startsWith("postgres") ? "postgres" : name.startsWith("redis") || name.startsWith("valkey") ? "redis" : "node";
    used[part] += seconds;
  }
  return used;
}

const pids = (): number[] => readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
const read = (path: string): string => attempt(() => readFileSync(path, "utf8"));
const link = (path: string): string => attempt(() => readlinkSync(path));

function attempt(act: () => string): string {
  try {
    return act();
  } catch {
    return "";
  }
}
