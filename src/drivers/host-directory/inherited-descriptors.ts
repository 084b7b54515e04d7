import { openSync, readdirSync, readFileSync } from "node:fs";

/** O_CLOEXEC, as /proc says it. */
const closedOnExec = 0o2000000;

let found: readonly ("ignore" | number)[] | null = null;

/**
 * What stands behind standard error in the `stdio` of a process that is to inherit nothing: /dev/null for every descriptor
 * that whoever started this process left open in it, "ignore" for the rest. One of a directory would be a way out of any
 * sandbox. Node closes its own, and not these.
 */
export function inheritedDescriptors(): readonly ("ignore" | number)[] {
  if (found !== null) return found;
  const open = readdirSync("/proc/self/fd").map(Number).filter((fd) => fd > 2 && isHandedOn(fd));
  if (open.length === 0) return (found = []);
  const nothing = openSync("/dev/null", "r+");
  return (found = Array.from({ length: Math.max(...open) - 2 }, (_, i) => (open.includes(i + 3) ? nothing : "ignore")));
}

function isHandedOn(fd: number): boolean {
  try {
    const flags = /^flags:\t(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "0";
    return (Number.parseInt(flags, 8) & closedOnExec) === 0;
  } catch {
    // The one that listed them.
    return false;
  }
}
