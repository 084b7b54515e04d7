import { mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../host-directory/errno.ts";

/** Counts one call more and gives which it is, from 1. Each number is given once, whichever processes ask. */
export async function countCall(directory: string, verb: string): Promise<number> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const counted = (await readdir(directory)).filter((name) => name.startsWith(`${verb}.`)).length;
  for (let n = counted + 1; ; n++) {
    try {
      await (await open(join(directory, `${verb}.${n}`), "wx", 0o600)).close();
      return n;
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
  }
}
