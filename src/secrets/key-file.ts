import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { refused } from "../domain/errors.ts";
import type { MasterKey } from "./seal.ts";

/**
 * A file of master keys, a line each: `<id> <32 bytes in base64>`. The first is the one to seal with; the others are for what was
 * sealed before. Empty lines and those that begin with # say nothing.
 */

const keyBytes = 32;

/** A new key, called by the day and something that no other key of it has. */
export const newMasterKey = (now: Date = new Date()): MasterKey => ({ id: `${now.toISOString().slice(0, 10)}-${randomBytes(4).toString("hex")}`, key: randomBytes(keyBytes) });

export const formatKeys = (keys: readonly MasterKey[]): string => keys.map(({ id, key }) => `${id} ${key.toString("base64")}\n`).join("");

/** Which file it was and how it was when it was read: another one, or a change, shows in this. */
export type FileState = string;

/** Reads a file of master keys. Throws `refused` for one that is not there, that others than its owner can read, or that is none. */
export async function readKeyFile(path: string): Promise<{ keys: MasterKey[]; state: FileState }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    throw refused("master_key_unreadable", `the file of master keys ${path} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? "unknown error"}`, { cause });
  });
  try {
    const state = await privateState(path, file);
    return { keys: parseKeys(path, await file.readFile("utf8")), state };
  } finally {
    await file.close();
  }
}

/** The state of a file that nobody but its owner, who is this user or root, can read or change. */
async function privateState(path: string, file: FileHandle): Promise<FileState> {
  const found = await file.stat();
  if (!found.isFile()) throw refused("master_key_unreadable", `${path} is no file; it must be a file of master keys`);
  const mine = process.getuid?.();
  if ((found.mode & 0o077) !== 0 || (found.uid !== mine && found.uid !== 0)) {
    throw refused("master_key_exposed", `the file of master keys ${path} must be of this user or root, and nobody else may read it: chmod 0600 (it has mode ${(found.mode & 0o777).toString(8)}, user ${found.uid})`);
  }
  return stateOf(found);
}

export const stateOf = (found: { readonly dev: number; readonly ino: number; readonly size: number; readonly mtimeMs: number }): FileState => [found.dev, found.ino, found.size, found.mtimeMs].join(" ");

function parseKeys(path: string, content: string): MasterKey[] {
  const lines = content.split("\n").flatMap((line, i) => (/^\s*(#|$)/.test(line) ? [] : [{ line: line.trim(), number: i + 1 }]));
  // What is wrong about a line is said without the line: it may well be a key.
  const wrong = (number: number, what: string): Error => refused("master_key_malformed", `line ${number} of ${path} ${what}; a line is "<id> <32 bytes in base64>"`);
  const keys = lines.map(({ line, number }) => {
    const [, id, encoded] = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63}) +([A-Za-z0-9+/]{43}=)$/.exec(line) ?? [];
    if (id === undefined || encoded === undefined) throw wrong(number, "is no master key");
    return { id, key: Buffer.from(encoded, "base64") };
  });
  const twice = keys.findIndex(({ id }, i) => keys.findIndex((other) => other.id === id) !== i);
  if (twice !== -1) throw wrong(lines[twice]?.number ?? 0, "has an id that another line has");
  if (keys.length === 0) throw refused("master_key_malformed", `${path} has no master key in it`);
  return keys;
}
