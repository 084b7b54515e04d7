import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { refused, transient } from "../../domain/errors.ts";
import { errnoOf } from "../host-directory/errno.ts";
import { readMarker } from "../host-directory/marker.ts";

/**
 * A numeric user for each lease, so that nothing of one lease is another's, nor anybody's on the host. From the range that
 * no convention gives to anybody (systemd, "Users, Groups, UIDs and GIDs": 1879048192 to 2147483647 are unused).
 */
const first = 1_900_000_000;
const last = 2_000_000_000;
/** More than enough: of so many numbers hardly any is taken. */
const tries = 10;

const claimsIn = (root: string): string => join(root, ".users");

/**
 * The numbers that a lease may have, in the order in which they are tried. They follow from its key: whoever acquires it
 * again, after a death or at the same time, comes upon the one that was claimed for it before.
 */
function* candidates(key: string): Iterable<number> {
  for (let i = 0; i < tries; i++) {
    yield first + (createHash("sha256").update(`${key.toLowerCase()} ${i}`).digest().readUInt32BE(0) % (last - first));
  }
}

/** Whose a number is; null for nobody's. A link of its name points, at nothing, with the key: so it is there whole or not at all. */
const ownerOf = (root: string, user: number): Promise<string | null> => readlink(join(claimsIn(root), String(user))).catch(() => null);

/** Takes a number for a lease, or the one it has. */
export async function claimUser(root: string, key: string): Promise<number> {
  await mkdir(claimsIn(root), { recursive: true, mode: 0o700 });
  for (const user of candidates(key)) {
    try {
      await symlink(key.toLowerCase(), join(claimsIn(root), String(user)));
      return user;
    } catch (cause) {
      if (errnoOf(cause) !== "EEXIST") throw transient("user_not_claimed", "a user for the lease could not be written down", { cause });
      if ((await ownerOf(root, user)) === key.toLowerCase()) return user;
    }
  }
  throw refused("users_exhausted", `none of ${tries} users was free; look into ${claimsIn(root)}`);
}

/** The numbers that belong to a lease, also when its directory does not tell any more. */
export async function usersOf(root: string, key: string): Promise<number[]> {
  const found: number[] = [];
  for (const user of candidates(key)) if ((await ownerOf(root, user)) === key.toLowerCase()) found.push(user);
  return found;
}

/** Gives a number back; again is no error. */
export const freeUser = (root: string, user: number): Promise<void> => rm(join(claimsIn(root), String(user)), { force: true });

/** Gives numbers back that no lease has: claimed longer ago than `ageMs` by somebody who died before the lease was made. */
export async function freeForgotten(root: string, ageMs: number): Promise<void> {
  for (const name of await readdir(claimsIn(root)).catch(() => [])) {
    const path = join(claimsIn(root), name);
    try {
      const key = await readlink(path);
      if (Date.now() - (await lstat(path)).mtimeMs < ageMs) continue;
      const marker = await readMarker(join(root, key)).catch(() => null);
      if (marker?.user !== Number(name)) await rm(path, { force: true });
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
}
