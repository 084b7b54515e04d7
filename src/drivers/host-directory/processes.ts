import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { transient } from "../../domain/errors.ts";

/** Milliseconds that killed processes get to be gone. */
const patience = 5000;

/** What a process is known by: files of its directory in /proc, as text; `cwd` is where that link leads. Empty where it may not be read, or is a zombie's. */
export type ProcessFile = "environ" | "cmdline" | "status" | "cwd";

/**
 * Kills every process, this one apart, of whose file in /proc `belongs` says so, until there is none. Throws `transient`
 * when something stays; `what` says whose they are.
 */
export async function endProcesses(what: string, file: ProcessFile, belongs: (text: string) => boolean): Promise<void> {
  const until = performance.now() + patience;
  for (;;) {
    const found = await processes(file, belongs);
    if (found.length === 0) return;
    if (performance.now() > until) throw transient("processes_left", `processes ${found.join(", ")} of ${what} do not end`);
    for (const pid of found) kill(pid);
    await setTimeout(20);
  }
}

async function processes(file: ProcessFile, belongs: (text: string) => boolean): Promise<number[]> {
  const read = (pid: number): Promise<string> => (file === "cwd" ? readlink(`/proc/${pid}/cwd`) : readFile(`/proc/${pid}/${file}`, "utf8"));
  const pids = (await readdir("/proc").catch(() => [])).map(Number).filter((pid) => pid > 0 && pid !== process.pid);
  const found = await Promise.all(pids.map(async (pid) => belongs(await read(pid).catch(() => ""))));
  return pids.filter((_pid, i) => found[i]);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
