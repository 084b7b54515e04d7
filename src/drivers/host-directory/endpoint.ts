import { closeSync, fsyncSync, linkSync, openSync, rmSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { transient } from "../../domain/errors.ts";
import { isId, newId } from "../../domain/ids.ts";
import type { Listed } from "../driver.ts";
import { errnoOf } from "./errno.ts";

const fileIn = (root: string): string => join(root, ".endpoint");

/** Which directory this is, whatever its path: what was put in its place, or shows up where its disk is not mounted, is another. */
export interface RootIdentity {
  /** `provider:<uuid>`. Throws `transient` when it cannot be read: then nothing can be said about what is in the root. */
  read(): Promise<string>;
}

/**
 * The identity of a root that is there, made if it has none: complete before it has its name, as another process may be
 * making it at the same moment. Where it cannot be written now (a full disk), it is tried again when somebody asks.
 */
export function rootIdentity(provider: string, root: string): RootIdentity {
  let made = make(root);
  return {
    async read() {
      made = made || make(root);
      const text = await readFile(fileIn(root), "utf8").catch((cause: unknown) => {
        throw transient("endpoint_unreadable", `${fileIn(root)} cannot be read, so nobody can say which directory ${root} is; is its disk mounted?`, { cause });
      });
      const id = text.trim();
      if (!isId(id)) throw transient("endpoint_unreadable", `${fileIn(root)} does not hold a UUID; restore it, or remove it and restart the workers to make ${root} a new place`);
      return `${provider}:${id}`;
    },
  };
}

/** Only when we come to a root: one that loses its identity while we work is not the one it was. */
function make(root: string): boolean {
  const draft = `${fileIn(root)}.${newId()}.new`;
  try {
    const file = openSync(draft, "wx", 0o600);
    try {
      writeSync(file, `${newId()}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkSync(draft, fileIn(root));
    return true;
  } catch (error) {
    return errnoOf(error) === "EEXIST";
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A listing of one root from its beginning to its end. Throws `transient` when the root is not the same all the time. */
export async function* listedThere(identity: RootIdentity, list: AsyncIterable<Listed>): AsyncIterable<Listed> {
  const before = await identity.read();
  yield* list;
  if ((await identity.read()) !== before) throw transient("endpoint_changed", "another directory took the place of the one that was being listed");
}
