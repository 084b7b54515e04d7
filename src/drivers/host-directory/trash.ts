import { execFile } from "node:child_process";
import { mkdir, open, readdir, rename, rm, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Logger } from "pino";
import { refused, transient } from "../../domain/errors.ts";
import { isId, newId } from "../../domain/ids.ts";
import { stagesIn, trashIn } from "./places.ts";
import { errnoOf } from "./errno.ts";
import { searchPath } from "./session.ts";

const run = promisify(execFile);
const options = { env: { PATH: searchPath }, cwd: "/" };
const day = 24 * 60 * 60 * 1000;

/** A free name in the trash. */
export async function trashName(root: string, key: string): Promise<string> {
  await mkdir(trashIn(root), { recursive: true, mode: 0o700 });
  return join(trashIn(root), `${key}.${newId()}`);
}

/**
 * Deletes a tree, never following a link nor leaving the file system. An agent may have taken its own permissions
 * away; they are put back where an ordinary user needs them. Throws `refused` when it cannot be deleted.
 */
export async function removeTree(path: string): Promise<void> {
  const remove = () => run("rm", ["-rf", "--one-file-system", "--", path], options);
  try {
    await remove();
  } catch {
    // find descends after the command has run, so a directory is opened up before it is entered.
    await run("find", [path, "-xdev", "-type", "d", "!", "-perm", "-u=rwx", "-exec", "chmod", "u+rwx", "{}", ";"], options).catch(() => {});
    await remove().catch((cause: unknown) => {
      throw refused("lease_not_deleted", `${path} could not be deleted; look for mounts or files of another user in it`, { cause });
    });
  }
}

/** Leaves a file of the key's name, so that a create that comes late finds its name taken for ever. False if something else has the name. */
export async function leaveTombstone(directory: string): Promise<boolean> {
  try {
    await (await open(directory, "wx", 0o600)).close();
    return true;
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw transient("tombstone_not_left", "the release could not be written down", { cause: error });
    return (await stat(directory).catch(() => null))?.isFile() ?? false;
  }
}

/**
 * Cleans up what releases and acquires left that died on their way, and tombstones nobody can still run into: an
 * acquire does not take a day. Never throws; what fails is tried again next time.
 */
export async function prune(root: string, log: Logger): Promise<void> {
  const old = async (path: string): Promise<boolean> => Date.now() - (await stat(path)).mtimeMs > day;
  const attempt = async (path: string, act: () => Promise<void>): Promise<void> =>
    act().catch((error: unknown) => log.warn({ path, err: error }, "could not be cleaned up"));
  const list = (path: string) => readdir(path, { withFileTypes: true }).catch(() => []);

  for (const entry of await list(trashIn(root))) {
    const path = join(trashIn(root), entry.name);
    await attempt(path, () => discard(path));
  }
  for (const entry of await list(stagesIn(root))) {
    const path = join(stagesIn(root), entry.name);
    await attempt(path, async () => void ((await old(path)) && (await rm(path, { recursive: true, force: true }))));
  }
  for (const entry of await list(root)) {
    const path = join(root, entry.name);
    if (entry.isFile() && isId(entry.name)) await attempt(path, async () => void ((await old(path)) && (await unlink(path))));
  }
}

/**
 * Removes what acquires and releases of a key put aside and did not get to clear away. For when its tombstone is there:
 * an acquire that is still at it finds its stage gone, and then the tombstone. `before` a released one is deleted, it is
 * given its path.
 */
export async function discardRemains(root: string, key: string, before: (released: string) => Promise<void>): Promise<void> {
  for (const stage of await asideIn(stagesIn(root), key)) await removeTree(stage);
  await discardReleased(root, key, before);
}

const asideIn = async (path: string, key: string): Promise<string[]> => {
  const names = await readdir(path).catch(() => []);
  return names.filter((name) => name.toLowerCase().startsWith(`${key.toLowerCase()}.`)).map((name) => join(path, name));
};

/** The part of it that releases put aside. */
export async function discardReleased(root: string, key: string, before: (released: string) => Promise<void>): Promise<void> {
  for (const released of await asideIn(trashIn(root), key)) {
    await before(released);
    await discard(released).catch((error: unknown) => {
      if (errnoOf(error) !== "ENOENT") throw error;
    });
  }
}

/** Two that delete the same tree would trip over each other's progress; the one who renames it owns it. */
async function discard(path: string): Promise<void> {
  const mine = `${path.split(".deleting.")[0]}.deleting.${newId()}`;
  await rename(path, mine);
  await removeTree(mine);
}
