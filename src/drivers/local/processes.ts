import { readdir, readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { transient } from "../../domain/errors.ts";
import { placesIn } from "./directories.ts";

/** Milliseconds that killed processes get to be gone. */
const patience = 5000;

/**
 * Ends every process that was given this lease's home or temporary directory. For when the lease's own records are gone,
 * so that nothing else can tell what runs there. Throws `transient` when something stays.
 */
export async function endProcessesOf(directory: string): Promise<void> {
  const { home, tmp } = placesIn(directory);
  const until = performance.now() + patience;
  for (;;) {
    const found = await carrying([`HOME=${home}`, `TMPDIR=${tmp}`]);
    if (found.length === 0) return;
    if (performance.now() > until) throw transient("processes_left", `processes ${found.join(", ")} of ${directory} do not end`);
    for (const pid of found) kill(pid);
    await setTimeout(20);
  }
}

/** Processes, this one apart, that have one of these variables in their environment. */
async function carrying(variables: readonly string[]): Promise<number[]> {
  const pids = (await readdir("/proc").catch(() => [])).map(Number).filter((pid) => pid > 0 && pid !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      // A zombie's environment is empty, and others' is not readable: neither is ours to end.
      const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      return environment.split("\0").some((variable) => variables.includes(variable));
    }),
  );
  return pids.filter((_pid, i) => found[i]);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
