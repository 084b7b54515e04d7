import { access, constants, mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { transient } from "../../domain/errors.ts";
import { errnoOf } from "../host-directory/errno.ts";
import type { Limits } from "./config.ts";

/** Control groups in which whole leases can be limited: the directories under which ours are made. */
export type ControlGroups = { readonly version: 1; readonly memory: string; readonly pids: string } | { readonly version: 2; readonly root: string };

/** Group under which those of the leases are. */
const ours = "leasehold";

/** Null where this user cannot make any: without root, or where they are mounted read-only. */
export async function findControlGroups(): Promise<ControlGroups | null> {
  if (process.getuid?.() !== 0) return null;
  const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n").map((line) => line.split(" "));
  // Not there on a kernel without control groups: then there are none to be had, and limits are those of processes.
  const own = await readFile("/proc/self/cgroup", "utf8").catch(() => "");
  const [memory, pids] = await Promise.all(["memory", "pids"].map((controller) => groupsOfVersion1(mounts, own, controller)));
  if (memory != null && pids != null) return { version: 1, memory, pids };
  const root = mounts.find(([, , type]) => type === "cgroup2")?.[1];
  if (root === undefined) return null;
  const controllers = await readFile(join(root, "cgroup.subtree_control"), "utf8").catch(() => "");
  const offered = ["memory", "pids"].every((controller) => controllers.split(/\s/).includes(controller));
  return offered && (await canMake(root)) ? { version: 2, root } : null;
}

async function groupsOfVersion1(mounts: readonly (readonly string[])[], own: string, controller: string): Promise<string | null> {
  const mount = mounts.find(([, , type, options]) => type === "cgroup" && options?.split(",").includes(controller))?.[1];
  if (mount === undefined) return null;
  const inside = new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(.*)$`, "m").exec(own)?.[1] ?? "/";
  // In a namespace of control groups the path is another's.
  for (const parent of [join(mount, inside), mount]) if (await canMake(parent)) return parent;
  return null;
}

/**
 * Root may everything and still cannot write what is mounted read-only. Tried, as only a try tells. The trial's name is always
 * the same: one that somebody died over is there for the next to remove, and of two at once each may find it made or gone.
 */
async function canMake(parent: string): Promise<boolean> {
  const trial = join(parent, `${ours}-trial`);
  const unless = (code: string) => (error: unknown) => {
    if (errnoOf(error) !== code) throw error;
  };
  try {
    await access(parent, constants.W_OK);
    await mkdir(trial).catch(unless("EEXIST"));
    await rmdir(trial).catch(unless("ENOENT"));
    return true;
  } catch {
    return false;
  }
}

const groupsOf = (groups: ControlGroups, key: string): readonly string[] =>
  (groups.version === 1 ? [groups.memory, groups.pids] : [groups.root]).map((parent) => join(parent, ours, key));

/** Makes a lease's groups, or brings their limits up to date; gives the directories that its processes are to join. */
export async function limitGroups(groups: ControlGroups, key: string, limits: Limits): Promise<readonly string[]> {
  const directories = groupsOf(groups, key);
  try {
    for (const directory of directories) await mkdir(directory, { recursive: true });
    if (groups.version === 1) {
      const [memory = "", pids = ""] = directories;
      await writeFile(join(memory, "memory.limit_in_bytes"), String(limits.memoryBytes));
      // Memory and swap together; not to be had on every kernel, and never below the first.
      await writeFile(join(memory, "memory.memsw.limit_in_bytes"), String(limits.memoryBytes)).catch(() => {});
      await writeFile(join(pids, "pids.max"), String(limits.processes));
    } else {
      const [directory = ""] = directories;
      await writeFile(join(groups.root, ours, "cgroup.subtree_control"), "+memory +pids");
      await writeFile(join(directory, "memory.max"), String(limits.memoryBytes));
      await writeFile(join(directory, "memory.swap.max"), "0").catch(() => {});
      await writeFile(join(directory, "pids.max"), String(limits.processes));
    }
  } catch (cause) {
    throw transient("control_group_not_made", `the lease's control group could not be made: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  return directories;
}

/** Removes a lease's groups, which nobody is in any more. Again is no error. */
export async function removeGroups(groups: ControlGroups, key: string): Promise<void> {
  for (const directory of groupsOf(groups, key)) {
    await rmdir(directory).catch((cause: unknown) => {
      if (errnoOf(cause) !== "ENOENT") throw transient("control_group_not_removed", `${directory} could not be removed`, { cause });
    });
  }
}
