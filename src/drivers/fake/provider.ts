import { mkdir, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { isId, newId } from "../../domain/ids.ts";
import { errnoOf } from "../host-directory/errno.ts";
import { isThere } from "../host-directory/is-there.ts";
import { stagesIn, trashIn } from "../host-directory/places.ts";
import { removeTree } from "../host-directory/trash.ts";
import { endInhabitants } from "./inhabitants.ts";
import { providerLayout } from "./layout.ts";
import { isNotFound, ProviderError } from "./provider-error.ts";
import { readRecord, replaceRecord, type SandboxRecord, writeRecord } from "./record.ts";

export interface Sandbox extends SandboxRecord {
  readonly key: string;
  /** Grows with each sandbox of a key: of two that can be seen, the one that could be seen first has the lower. */
  readonly number: number;
  readonly directory: string;
}

export interface NewSandbox {
  /** The label by which sandboxes can be looked up. Any number may have the same. */
  readonly key: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly expiresAt: Date;
  readonly commands: SandboxRecord["commands"];
  /** Puts into the sandbox's directory what it has from the start. */
  readonly prepare: (directory: string) => Promise<void>;
}

/** Gives the directory `from` the name `to`, or throws: on a condition, and then that in one step. */
export type TakeAway = (from: string, to: string) => Promise<void>;

/**
 * A sandbox provider like those in a cloud, whose whole state is a directory: many processes may use it at once, and it
 * survives them. It does not promise that a key has one sandbox; who needs that has to see to it. Errors are
 * `ProviderError`, and the file system's own.
 */
export interface Provider {
  create(sandbox: NewSandbox): Promise<Sandbox>;
  get(key: string, id: string): Promise<Sandbox | null>;
  /** Sandboxes of a key, or all there are; of a key in the order in which they appeared. */
  list(key?: string): Promise<Sandbox[]>;
  /** Ends what runs in it and deletes it. Throws `not_found`, and whatever `takeAway` throws: then it stays. */
  destroy(sandbox: Sandbox, takeAway?: TakeAway): Promise<void>;
  /** Moves the time after which the sandbox may be ended. It is written down and shown; nobody here ends it. */
  extend(key: string, id: string, expiresAt: Date): Promise<Date>;
}

/** Rounds in which others may get in between. */
const rounds = 1000;

export function directoryProvider(root: string): Provider {
  const at = providerLayout(root);

  const listKey = async (key: string): Promise<Sandbox[]> => {
    const found = await Promise.all((await numbersIn(at.sandboxesOf(key))).map((number) => look(at.sandboxesOf(key), key, number)));
    // A key that has none looks like a directory that was taken away from under us.
    if (found.length === 0) await stat(at.sandboxes).catch(notListed);
    return found.filter((sandbox) => sandbox !== null);
  };

  return {
    async create(wanted) {
      const { stage, record } = await buildSandbox(root, wanted);
      try {
        const number = await publish(stage, at.sandboxesOf(wanted.key));
        return { ...record, key: wanted.key, number, directory: join(at.sandboxesOf(wanted.key), String(number)) };
      } catch (error) {
        await rm(stage, { recursive: true, force: true });
        throw error;
      }
    },

    get: async (key, id) => (await listKey(key)).find((sandbox) => sandbox.id === id) ?? null,

    async list(key) {
      if (key !== undefined) return listKey(key);
      const keys = (await readdir(at.sandboxes).catch(notListed)).filter(isId);
      const found: Sandbox[] = [];
      for (const one of keys) found.push(...(await listKey(one)));
      return found;
    },

    async destroy(sandbox, takeAway = rename) {
      const trash = join(trashIn(root), `${sandbox.key}.${newId()}`);
      try {
        await takeAway(sandbox.directory, trash);
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") throw error;
        throw new ProviderError("not_found", `there is no sandbox ${sandbox.id}`, { cause: error });
      }
      if (sandbox.commands === "real") {
        await endInhabitants(sandbox.directory, trash);
        await removeTree(trash);
      } else {
        await rm(trash, { recursive: true, force: true });
      }
      // Only if it was the last of its key.
      await rmdir(dirname(sandbox.directory)).catch(() => {});
    },

    async extend(key, id, expiresAt) {
      const sandbox = (await listKey(key)).find((one) => one.id === id);
      if (sandbox === undefined) throw new ProviderError("not_found", `there is no sandbox ${id}`);
      const { labels, createdAt, commands } = sandbox;
      await replaceRecord(sandbox.directory, { id, labels, createdAt, commands, expiresAt }).catch((error: unknown) => {
        throw errnoOf(error) === "ENOENT" ? new ProviderError("not_found", `there is no sandbox ${id}`, { cause: error }) : error;
      });
      return expiresAt;
    },
  };
}

/** Builds a sandbox aside; it has everything but its name. */
export async function buildSandbox(root: string, wanted: NewSandbox): Promise<{ stage: string; record: SandboxRecord }> {
  const stage = join(stagesIn(root), `${wanted.key}.${newId()}`);
  const record: SandboxRecord = { id: newId(), labels: { ...wanted.labels }, createdAt: new Date(), expiresAt: wanted.expiresAt, commands: wanted.commands };
  try {
    await mkdir(stage, { mode: 0o700 });
    await wanted.prepare(stage);
    await writeRecord(stage, record);
    return { stage, record };
  } catch (error) {
    await rm(stage, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Gives what was built aside its name, from which moment it is there: the number after the highest that is there. So
 * nothing appears below what somebody can see already.
 */
export async function publish(stage: string, directory: string): Promise<number> {
  for (let round = 0; round < rounds; round++) {
    const number = Math.max(0, ...(await numbersIn(directory))) + 1;
    try {
      await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
        if (errnoOf(error) !== "EEXIST") throw error;
      });
      await rename(stage, join(directory, String(number)));
      return number;
    } catch (error) {
      // Somebody else was given the number; or the last one of the key was removed, and the directory with it.
      if (!["ENOTEMPTY", "EEXIST"].includes(errnoOf(error) ?? "") && !(errnoOf(error) === "ENOENT" && (await isThere(stage)))) throw error;
    }
  }
  throw new ProviderError("unavailable", "too many want a sandbox of the same key at once");
}

async function look(directory: string, key: string, number: number): Promise<Sandbox | null> {
  const path = join(directory, String(number));
  try {
    return { ...(await readRecord(path)), key, number, directory: path };
  } catch (error) {
    if (!(await isThere(path))) return null;
    const spoiled = error instanceof SyntaxError || error instanceof z.ZodError || errnoOf(error) === "ENOENT";
    if (!spoiled) throw error;
    // What runs in there can spoil it. It is there, and nobody can say whose.
    return { id: `unknown-${number}`, labels: {}, createdAt: new Date(0), expiresAt: new Date(0), commands: "real", key, number, directory: path };
  }
}

async function numbersIn(directory: string): Promise<number[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return [];
    throw error;
  });
  return names.map(Number).filter((number) => number > 0).toSorted((a, b) => a - b);
}

function notListed(cause: unknown): never {
  throw new ProviderError("unavailable", "the provider's directory cannot be listed", { cause });
}

/** Destroys it; that it is gone already is as good. */
export async function destroyed(destroying: Promise<void>): Promise<void> {
  await destroying.catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
}
