import { lstat, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { isKind, refused } from "../../domain/errors.ts";
import { retire } from "../../session/lease-directory.ts";
import { leaseDirectory, placesIn } from "./places.ts";
import { errnoOf } from "./errno.ts";
import { isThere } from "./is-there.ts";
import { readMarker } from "./marker.ts";
import { endProcesses } from "./processes.ts";
import { hostSession } from "./session.ts";
import { discardRemains, leaveTombstone, removeTree, trashName } from "./trash.ts";

/** Rounds in which an acquire may get in between taking the directory away and leaving the tombstone. */
const rounds = 20;

export interface Released {
  readonly root: string;
  readonly key: string;
  readonly installation: string;
  readonly fence: number;
  /** Whether the lease got as far as having a resource: then what has its name is its resource, marker or not. */
  readonly acquired: boolean;
  /**
   * Ends what still runs in the directory: of `executions`, by our records, and of whatever is not in them. Throws
   * `transient` when something stays.
   */
  readonly endStrays: (directory: string, executions: readonly string[]) => Promise<void>;
}

/**
 * Removes the lease's directory, ends what still runs there, and leaves a tombstone in its place; then removes what
 * acquires and releases of that key put aside and died over. Safe to repeat, and for keys that never were.
 * Throws `stale` for an old fence, `refused` for what is not ours, `invalid` for a key that is no UUID.
 */
export async function releaseDirectory(lease: Released): Promise<void> {
  const { root, key } = lease;
  const directory = leaseDirectory(root, key);
  for (let round = 0; round < rounds; round++) {
    const found = await lstat(directory).catch(() => null);
    // Gone without us: by the command itself, perhaps, which may still be running.
    if (found === null) await lease.endStrays(directory, []);
    if (found !== null && !found.isFile()) await takeAway(lease, directory, found.isDirectory());
    if (await leaveTombstone(directory)) return discardRemains(root, key, (released) => endRunning(lease, released));
  }
  throw refused("release_contended", `${directory} was made again each time it was removed`);
}

async function takeAway(lease: Released, directory: string, isDirectory: boolean): Promise<void> {
  const { root, key, installation, fence, acquired, endStrays } = lease;
  const marker = isDirectory ? await readMarker(directory).catch(unreadable) : null;
  if (marker === "missing" && acquired && (await lstat(directory).catch(() => null))?.isDirectory() === true) {
    await endStrays(directory, []);
    await remove(root, key, directory);
    return;
  }
  if (marker === null || marker === "missing" || marker.installation !== installation) {
    // It may have been released by somebody else just now; then the tombstone says so.
    if ((await lstat(directory).catch(() => null))?.isFile() !== false) return;
    throw refused("resource_foreign", `${directory} does not carry our marker; it is left alone. Look whose it is and move it away`);
  }
  const trash = await trashName(root, key);
  try {
    await retire(hostSession(directory), fence, directory, trash);
  } catch (error) {
    if (isKind(error, "gone")) return;
    throw error;
  }
  await endRunning(lease, trash);
  await removeTrash(trash, key);
}

/** For a lease's directory that was taken away, so that nothing can be started any more. Whoever was to end what runs may not have lived to do it. */
async function endRunning({ root, key, endStrays }: Released, released: string): Promise<void> {
  const executions = await unfinishedIn(released);
  if (executions.length === 0) return;
  const directory = leaseDirectory(root, key);
  // First those who watch over them: they would write into what is about to be deleted.
  await endProcesses(directory, "cmdline", (text) => executions.some((id) => text.includes(`\0supervisor\0${id}\0`)));
  await endStrays(directory, executions);
}

/** Executions that began and of which nobody has written down how they ended. */
async function unfinishedIn(directory: string): Promise<readonly string[]> {
  const all = join(placesIn(directory).control, "x");
  const ids = (await readdir(all).catch(() => [])).filter((id) => !id.startsWith("."));
  const ended = await Promise.all(ids.map(async (id) => (await isThere(join(all, id, "rc"))) || (await isThere(join(all, id, "tombstone")))));
  return ids.filter((_id, i) => ended[i] === false);
}

/** "missing" where there is no marker at all: in a lease that we had acquired only the command can have removed it. */
const unreadable = (error: unknown): "missing" | null => (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR" ? "missing" : null);

async function remove(root: string, key: string, directory: string): Promise<void> {
  const trash = await trashName(root, key);
  try {
    await rename(directory, trash);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return;
    throw error;
  }
  await removeTrash(trash, key);
}

async function removeTrash(trash: string, key: string): Promise<void> {
  // Like what a crash leaves there, it is found under a name that says somebody is at it.
  const mine = `${trash}.deleting.${key}`;
  try {
    await rename(trash, mine);
  } catch (error) {
    // Another process, cleaning up, took it from the trash: it deletes it.
    if (errnoOf(error) === "ENOENT") return;
    throw error;
  }
  await removeTree(mine);
}
