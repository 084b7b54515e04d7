import { lstat, rename } from "node:fs/promises";
import { isKind, refused } from "../../domain/errors.ts";
import { retire } from "../../session/lease-directory.ts";
import { leaseDirectory } from "./directories.ts";
import { errnoOf } from "./errno.ts";
import { readMarker } from "./marker.ts";
import { localSession } from "./session.ts";
import { leaveTombstone, removeTree, trashName } from "./trash.ts";

/** Rounds in which an acquire may get in between taking the directory away and leaving the tombstone. */
const rounds = 20;

/**
 * Removes the lease's directory and leaves a tombstone in its place. Safe to repeat, and for keys that never were.
 * Throws `stale` for an old fence, `refused` for what is not ours, `invalid` for a key that is no UUID.
 */
export async function releaseDirectory(root: string, key: string, installation: string, fence: number): Promise<void> {
  const directory = leaseDirectory(root, key);
  for (let round = 0; round < rounds; round++) {
    const found = await lstat(directory).catch(() => null);
    if (found !== null && !found.isFile()) await takeAway(root, key, directory, found.isDirectory(), installation, fence);
    if (await leaveTombstone(directory)) return;
  }
  throw refused("release_contended", `${directory} was made again each time it was removed`);
}

async function takeAway(root: string, key: string, directory: string, isDirectory: boolean, installation: string, fence: number): Promise<void> {
  const marker = isDirectory ? await readMarker(directory).catch(() => null) : null;
  if (marker === null || marker.installation !== installation) {
    // It may have been released by somebody else just now; then the tombstone says so.
    if ((await lstat(directory).catch(() => null))?.isFile() === true) return;
    throw refused("resource_foreign", `${directory} does not carry our marker; it is left alone. Look whose it is and move it away`);
  }
  const trash = await trashName(root, key);
  try {
    await retire(localSession(directory), fence, directory, trash);
  } catch (error) {
    if (isKind(error, "gone")) return;
    throw error;
  }
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
