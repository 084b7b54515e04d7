import { readlink, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "../../domain/ids.ts";
import { errnoOf } from "../host-directory/errno.ts";

/** What there is to say about an execution of an instant sandbox. */
export interface InstantRecord {
  /** `planted`: it never starts. */
  readonly kind: "started" | "planted";
  readonly offer: number;
  /** Bytes kept of each stream. */
  readonly outputLimit: number;
  /** When it has ended by itself, in milliseconds since 1970. */
  readonly endsAt: number;
}

/**
 * A record is the text of a symbolic link that leads nowhere: it is made whole or not at all, only where there is none
 * of its name, in one call.
 */
const textOf = ({ kind, offer, outputLimit, endsAt }: InstantRecord): string => `${kind} ${offer} ${outputLimit} ${endsAt}`;

/** Makes the record. `exists` when there is one, `nowhere` when there is no such directory. */
export async function makeRecord(directory: string, id: string, record: InstantRecord): Promise<"made" | "exists" | "nowhere"> {
  try {
    await symlink(textOf(record), join(directory, id));
    return "made";
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return "exists";
    if (errnoOf(error) === "ENOENT") return "nowhere";
    throw error;
  }
}

export async function readRecord(directory: string, id: string): Promise<InstantRecord | null> {
  try {
    const [kind, offer, outputLimit, endsAt] = (await readlink(join(directory, id))).split(" ");
    return { kind: kind === "planted" ? "planted" : "started", offer: Number(offer), outputLimit: Number(outputLimit), endsAt: Number(endsAt ?? 0) };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
}

export async function replaceRecord(directory: string, id: string, record: InstantRecord): Promise<void> {
  const draft = join(directory, `.${id}.${newId()}`);
  await symlink(textOf(record), draft);
  await rename(draft, join(directory, id));
}

/** Writes down that it was ended before its time: beside the record, which newer callers replace. */
export async function markKilled(directory: string, id: string): Promise<void> {
  await symlink("killed", killedName(directory, id)).catch((error: unknown) => {
    if (errnoOf(error) !== "EEXIST" && errnoOf(error) !== "ENOENT") throw error;
  });
}

export const wasKilled = async (directory: string, id: string): Promise<boolean> => (await readlink(killedName(directory, id)).catch(() => null)) !== null;

const killedName = (directory: string, id: string): string => join(directory, `${id}.killed`);
