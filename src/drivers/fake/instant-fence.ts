import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { gone, isKind, stale, transient } from "../../domain/errors.ts";
import { errnoOf } from "../host-directory/errno.ts";

/**
 * The fence of an instant sandbox is the name of the one directory in which its executions' records are made. A record
 * that is to be made under an old fence finds no directory to be made in: one call compares and acts. One that has found
 * it at the moment in which the fence is raised may still be made; it is the same directory that it is made in, so that
 * starts nothing twice, and nothing in what was taken away.
 */
export const recordsUnder = (directory: string, fence: number): string => join(directory, `fence.${fence}`);

/** The name after it was taken away, by somebody who then died. */
const retired = "retired";

/** Rounds in which others may raise the fence at the same moment. */
const rounds = 100;

export const makeRecords = (directory: string, fence: number): Promise<void> => mkdir(recordsUnder(directory, fence), { mode: 0o700 });

/** The highest fence the sandbox has seen; null when it is gone or on its way out. */
export async function seenFence(directory: string): Promise<number | null> {
  for (let round = 0; round < rounds; round++) {
    const names = await readdir(directory).catch((error: unknown) => {
      if (errnoOf(error) === "ENOENT") return null;
      throw error;
    });
    if (names === null || names.includes(retired)) return null;
    const found = names.find((name) => name.startsWith("fence."));
    if (found !== undefined) return Number(found.slice("fence.".length));
    // A listing may miss a name that is being changed.
  }
  throw contended();
}

/** Raises the fence. Throws `stale` when it is higher already, `gone` when the sandbox is not there. */
export const raiseTo = (directory: string, fence: number): Promise<void> => leave(directory, fence, recordsUnder(directory, fence));

/** Takes the fence away, so that nothing can be started any more. Throws `stale`; that it is gone already is as good. */
export async function retireFence(directory: string, fence: number): Promise<void> {
  await leave(directory, fence, join(directory, retired)).catch((error: unknown) => {
    if (!isKind(error, "gone")) throw error;
  });
}

async function leave(directory: string, fence: number, to: string): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const seen = await seenFence(directory);
    if (seen === null) throw gone("lease_gone", "the lease's directory is not there any more");
    if (seen > fence) throw stale("fence_stale", "somebody newer works on this lease or execution");
    const from = recordsUnder(directory, seen);
    if (from === to) return;
    try {
      await rename(from, to);
      return;
    } catch (error) {
      // Somebody else raised it.
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
  throw contended();
}

const contended = () => transient("lease_unreachable", "the lease's fence was raised by somebody else each time");
