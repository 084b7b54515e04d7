import { mkdtemp, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { alive } from "./processes.ts";

/** A process with all that comes from it, wherever it goes, as a container or a service has it. */
export interface ControlGroup {
  /** Kills everybody in it at one moment. Gives how many they were. */
  kill(): Promise<number>;
}

const freezer = "/sys/fs/cgroup/freezer";

/**
 * Puts a living process into a control group (version 1) of its own, before it starts others: they are born into it. Null
 * where this user cannot make one.
 */
export async function enclose(pid: number): Promise<ControlGroup | null> {
  const group = await mkdtemp(join(freezer, "leasehold-test-")).catch(() => null);
  if (group === null) return null;
  const members = async (): Promise<number[]> => (await readFile(join(group, "cgroup.procs"), "utf8")).split("\n").filter((line) => line !== "").map(Number);
  await writeFile(join(group, "cgroup.procs"), String(pid));
  return {
    kill: async () => {
      // Frozen first, so that nobody in it sees another one die.
      await writeFile(join(group, "freezer.state"), "FROZEN");
      await eventually(async () => {
        if ((await readFile(join(group, "freezer.state"), "utf8")).trim() !== "FROZEN") throw new Error("not frozen yet");
      });
      const all = await members();
      for (const one of all) process.kill(one, "SIGKILL");
      await writeFile(join(group, "freezer.state"), "THAWED");
      await eventually(() => {
        const left = all.filter(alive);
        if (left.length > 0) throw new Error(`still there: ${left.join(" ")}`);
      });
      await eventually(() => rmdir(group));
      return all.length;
    },
  };
}

/** The same for everybody who is named, where control groups cannot be made: stopped first, then killed. */
export function killTogether(find: () => readonly number[]): number {
  const stopped = new Set<number>();
  for (;;) {
    const more = find().filter((pid) => !stopped.has(pid));
    if (more.length === 0) break;
    for (const pid of more) {
      process.kill(pid, "SIGSTOP");
      stopped.add(pid);
    }
  }
  for (const pid of stopped) process.kill(pid, "SIGKILL");
  return stopped.size;
}
