import { lstat, rename } from "node:fs/promises";
import { isKind, refused } from "../../domain/errors.ts";
import { retire } from "../../session/lease-directory.ts";
import { leaseDirectory } from "./places.ts";
import { errnoOf } from "./errno.ts";
import { readMarker } from "./marker.ts";
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
  /** Ends what still runs in the directory and is not in our records. Throws `transient` when something stays. */
  readonly endStrays: (directory: string) => Promise<void>;
}

/**
 * Removes the lease's directory, ends what still runs there if its records were tampered with, and leaves a tombstone in
 * its place; then removes what acquires and releases of that key put aside and died over. Safe to repeat, and for keys
 * that never were.
 * Throws `stale` for an old fence, `refused` for what is not ours, `invalid` for a key that is no UUID.
 */
export async function releaseDirectory(lease: Released): Promise<void> {
  const { root, key } = lease;
  const directory = leaseDirectory(root, key);
  for (let round = 0; round < rounds; round++) {
    const found = await lstat(directory).catch(() => null);
    // Gone without us: by the command itself, perhaps, which may still be running.
    if (found === null) await lease.endStrays(directory);
    if (found !== null && !found.isFile()) await takeAway(lease, directory, found.isDirectory());
    if (await leaveTombstone(directory)) return discardRemains(root, key);
  }
  throw refused("release_contended", `${directory} was made again each time it was removed`);
}

async function takeAway({ root, key, installation, fence, acquired, endStrays }: Released, directory: string, isDirectory: boolean): Promise<void> {
  const marker = isDirectory ? await readMarker(directory).catch(unreadable) : null;
  if (marker === "missing" && acquired && (await lstat(directory).catch(() => null))?.isDirectory() === true) {
    await endStrays(directory);
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
  await removeTrash(trash, key);
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
