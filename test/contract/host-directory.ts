import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isId } from "../../src/domain/ids.ts";
import { processesUnder } from "../support/processes.ts";

/** What is under a root of leases that are directories: leases, what was put aside, and processes that work there. */
export async function remainsUnder(root: string): Promise<readonly string[]> {
  const list = (path: string) => readdir(path, { withFileTypes: true }).catch(() => []);
  const remains: string[] = [];
  for (const entry of await list(root)) {
    // What all sandboxes see of /etc: no lease's.
    if (entry.name === ".etc") continue;
    if (entry.name.startsWith(".")) for (const aside of await list(join(root, entry.name))) remains.push(`${entry.name}/${aside.name}`);
    else if (!entry.isFile() || !isId(entry.name)) remains.push(entry.name);
  }
  return [...remains.toSorted(), ...processesUnder(root).map(({ pid, command }) => `process ${pid} ${command}`)];
}
