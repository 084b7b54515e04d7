import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { prune } from "../host-directory/trash.ts";

const hour = 60 * 60 * 1000;
/** Milliseconds after which what was kept for a lease's plan of faults is of no use. */
const old = 30 * 24 * hour;

/** Gives what cleans up, at most hourly, what died on its way, old notes of releases, and what was counted for leases of long ago. Never throws. */
export function tidy(root: string): (log: Logger) => Promise<void> {
  let last = -Infinity;
  return async (log) => {
    if (performance.now() - last < hour) return;
    last = performance.now();
    await prune(root, log);
    for (const directory of [join(root, "calls"), join(root, "plans")]) {
      for (const name of await readdir(directory).catch(() => [])) {
        const path = join(directory, name);
        const age = Date.now() - ((await stat(path).catch(() => null))?.mtimeMs ?? Date.now());
        if (age > old) await rm(path, { recursive: true, force: true }).catch((err: unknown) => log.warn({ err, path }, "could not be cleaned up"));
      }
    }
  };
}
