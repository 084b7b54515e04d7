import { mkdir, readdir, readFile, readlink, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Db } from "../db/client.ts";
import { knownWorkers, olderWorkers } from "../db/workers.ts";
import { timing } from "../domain/defaults.ts";
import { refused } from "../domain/errors.ts";
import { isTaken } from "../embedded/process-identity.ts";
import { readIfThere, writePrivate } from "../embedded/private-file.ts";

/**
 * Whether a data directory is the only one with its host's identity. A copy of it would be a second host with the same id:
 * each would report the other's leases as gone. The names of machines tell nothing about that, for containers change
 * theirs. So each worker leaves a mark in the directory before its first beat: a living worker of this host without a mark
 * here, or with one made where our processes cannot be seen, works elsewhere.
 */

const folderOf = (dataDir: string): string => join(dataDir, "workers");

/** What only those share who have one data directory and see each other: boot, pid namespace, and the directory itself. */
async function whereabouts(dataDir: string): Promise<string> {
  const { dev, ino } = await stat(folderOf(dataDir));
  return `${await machine()} ${dev}:${ino}`;
}

async function machine(): Promise<string> {
  try {
    return `${(await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim()} ${await readlink("/proc/self/ns/pid")}`;
  } catch {
    // Not Linux.
    return hostname();
  }
}

/** Says in the data directory that this worker is here. Gives a function that takes the mark away. */
export async function leaveMark(dataDir: string, workerId: string): Promise<() => Promise<void>> {
  const folder = folderOf(dataDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, workerId);
  await writePrivate(path, `${await whereabouts(dataDir)}\n`);
  return () => rm(path, { force: true });
}

/** A living worker of this host, older than ours, that is not beside us. */
export interface Stranger {
  readonly id: string;
  readonly hostName: string;
  readonly pid: number;
  readonly beatAt: Date;
}

/** Of two that meet, the older one stays: so only those are looked for. */
export async function strangers(db: Db, dataDir: string, host: string, workerId: string): Promise<Stranger[]> {
  const older = await olderWorkers(db, host, workerId);
  if (older.length === 0) return [];
  const here = await whereabouts(dataDir);
  const beside = await Promise.all(
    older.map(async (one) => {
      const mark = await readIfThere(join(folderOf(dataDir), one.id));
      if (mark !== undefined) return mark.trim() === here;
      // A version that left no marks: told by its process.
      return one.hostName === hostname() && one.pid !== process.pid && isTaken(one.pid);
    }),
  );
  return older.filter((_one, i) => beside[i] === false);
}

/**
 * Returns once no other living worker has our identity from elsewhere. One that has just died still counts as living for
 * `timing.workerLife`, so that long is waited for its silence; one that beats meanwhile lives. Throws `refused`
 * `host_identity_shared`.
 */
export async function refuseCopy(db: Db, dataDir: string, host: string, workerId: string): Promise<void> {
  const heard = new Map<string, number>();
  for (;;) {
    const others = await strangers(db, dataDir, host, workerId);
    if (others.length === 0) break;
    for (const { id, hostName, pid, beatAt } of others) {
      const before = heard.get(id);
      if (before !== undefined && before < beatAt.getTime()) {
        throw refused(
          "host_identity_shared",
          `a worker on ${hostName} (pid ${pid}) lives and has the identity in ${join(dataDir, "host-id")}, but not this data directory: it was copied, or two containers share it. Stop that worker, or remove host-id, leases and sandboxes from a copy to make it a host of its own`,
        );
      }
      heard.set(id, beatAt.getTime());
    }
    await sleep(timing.workerBeat / 10);
  }
  await removeOldMarks(db, dataDir, host);
}

/** Marks of workers that nobody knows any more. */
async function removeOldMarks(db: Db, dataDir: string, host: string): Promise<void> {
  const known = new Set(await knownWorkers(db, host));
  for (const name of await readdir(folderOf(dataDir))) {
    const path = join(folderOf(dataDir), name);
    if (known.has(name)) continue;
    // One that is being made has no row yet.
    const made = await stat(path).catch(() => null);
    if (made !== null && made.mtimeMs < Date.now() - 10 * timing.workerLife) await rm(path, { force: true });
  }
}
