import { randomInt } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { refused } from "../../domain/errors.ts";
import { errnoOf } from "../host-directory/errno.ts";
import { readMarker } from "../host-directory/marker.ts";

/**
 * A numeric user for each lease, so that nothing of one lease is another's, nor anybody's on the host. From the range that
 * no convention gives to anybody (systemd, "Users, Groups, UIDs and GIDs": 1879048192 to 2147483647 are unused).
 */
const first = 1_900_000_000;
const last = 2_000_000_000;
const tries = 100;

const claimsIn = (root: string): string => join(root, ".users");

/** Takes a free number for a lease. A file of its name says whose it is. */
export async function claimUser(root: string, key: string): Promise<number> {
  await mkdir(claimsIn(root), { recursive: true, mode: 0o700 });
  for (let i = 0; i < tries; i++) {
    const user = randomInt(first, last);
    try {
      await writeFile(join(claimsIn(root), String(user)), key, { flag: "wx", mode: 0o600 });
      return user;
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
  }
  throw refused("users_exhausted", `no free user was found in ${tries} tries; look into ${claimsIn(root)}`);
}

/** Gives a number back; again is no error. */
export const freeUser = (root: string, user: number): Promise<void> => rm(join(claimsIn(root), String(user)), { force: true });

/** The numbers that belong to a lease: for when its directory does not tell any more. */
export async function usersOf(root: string, key: string): Promise<number[]> {
  const names = await readdir(claimsIn(root)).catch(() => []);
  const owners = await Promise.all(names.map((name) => readFile(join(claimsIn(root), name), "utf8").catch(() => "")));
  return names.filter((_name, i) => owners[i] === key).map(Number);
}

/** Gives numbers back that no lease has: claimed longer ago than `ageMs` by somebody who died before the lease was made. */
export async function freeForgotten(root: string, ageMs: number): Promise<void> {
  for (const name of await readdir(claimsIn(root)).catch(() => [])) {
    const path = join(claimsIn(root), name);
    try {
      const key = await readFile(path, "utf8");
      if (Date.now() - (await stat(path)).mtimeMs < ageMs) continue;
      const marker = await readMarker(join(root, key)).catch(() => null);
      if (marker?.user !== Number(name)) await rm(path, { force: true });
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
}
