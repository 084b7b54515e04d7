import { randomBytes } from "node:crypto";
import { link, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { invalid } from "../domain/errors.ts";
import { readIfThere, writePrivate } from "./private-file.ts";
import { identify, isRunning } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";

/** The one process that may work with a data directory. */
export interface Owner extends ProcessIdentity {
  /** Where its API listens, once it does. */
  url?: string;
}

export interface Claim {
  /** Tells others where the API listens. */
  setUrl(url: string): Promise<void>;
  /** Gives the directory up. May be called again. */
  release(): Promise<void>;
}

/** An owner as written down. The token tells two tenures apart. */
interface Tenure extends Owner {
  token: string;
}

/**
 * Makes this process the only owner of `dataDir`, which is made when missing. Throws `invalid` with code `data_directory_in_use`
 * when a living process owns it. An owner that is dead, or whose pid has gone to another process, is succeeded. The owner's
 * death ends its claim; nothing needs to be renewed.
 *
 * How two that start at the same instant are told apart: tenures form a chain. The first is `owner.json`, the successor of the
 * tenure T is `owner.T.json`, and the last one of the chain owns. Each is put there with link(2), complete and only where
 * nothing is: so every tenure has one successor. The winner then shortens the chain by making itself `owner.json`; who
 * followed the old chain meanwhile notices that it does not lead to itself any more.
 */
export async function claimDataDir(dataDir: string, { pid = process.pid, url }: { pid?: number; url?: string } = {}): Promise<Claim> {
  const self = identify(pid);
  if (self === undefined) throw invalid("owner_not_running", `Process ${pid} does not run and cannot own ${dataDir}`);
  await mkdir(dataDir, { recursive: true, mode: 0o711 });

  let mine: Tenure = { ...self, ...(url === undefined ? {} : { url }), token: randomBytes(8).toString("hex") };
  const head = headOf(dataDir);
  const draft = join(dataDir, `owner.${mine.token}.new`);
  await writePrivate(draft, JSON.stringify(mine));
  try {
    for (;;) {
      const last = await lastTenure(dataDir);
      if (last !== undefined && isRunning(last)) throw inUse(dataDir, last);
      const place = last === undefined ? head : successorOf(dataDir, last);
      if (!(await linked(draft, place))) continue;
      if ((await lastTenure(dataDir))?.token === mine.token) {
        if (place !== head) await rename(draft, head);
        break;
      }
      await rm(place, { force: true });
    }
  } finally {
    await rm(draft, { force: true });
  }
  await forgetPredecessors(dataDir);

  let released = false;
  return {
    setUrl: async (published) => {
      if (released) return;
      mine = { ...mine, url: published };
      await writePrivate(head, JSON.stringify(mine));
    },
    release: async () => {
      if (released) return;
      released = true;
      // Nobody else writes there while we live.
      await rm(head, { force: true });
    },
  };
}

/** The living owner of `dataDir`; undefined when nobody owns it. */
export async function readOwner(dataDir: string): Promise<Owner | undefined> {
  const last = await lastTenure(dataDir);
  if (last === undefined || !isRunning(last)) return undefined;
  const { token: _, ...owner } = last;
  return owner;
}

const headOf = (dataDir: string): string => join(dataDir, "owner.json");
const successorOf = (dataDir: string, tenure: Tenure): string => join(dataDir, `owner.${tenure.token}.json`);

async function lastTenure(dataDir: string): Promise<Tenure | undefined> {
  let last: Tenure | undefined;
  let next = await readTenure(headOf(dataDir));
  while (next !== undefined) {
    last = next;
    next = await readTenure(successorOf(dataDir, last));
  }
  return last;
}

async function readTenure(path: string): Promise<Tenure | undefined> {
  const content = await readIfThere(path);
  return content === undefined ? undefined : (JSON.parse(content) as Tenure);
}

/** link(2): false when there is something already. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Once `owner.json` is ours, no successor's file of an earlier tenure means anything. */
async function forgetPredecessors(dataDir: string): Promise<void> {
  for (const entry of await readdir(dataDir)) {
    if (/^owner\.[0-9a-f]+\.json$/.test(entry)) await rm(join(dataDir, entry), { force: true });
  }
}

const inUse = (dataDir: string, owner: Owner): Error =>
  invalid(
    "data_directory_in_use",
    `${dataDir} is in use by process ${owner.pid}` +
      (owner.url === undefined ? "" : `, which serves ${owner.url}`) +
      ". Use that one, stop it first, or name another data directory.",
    { status: 409 },
  );
