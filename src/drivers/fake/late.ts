import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { isId, newId } from "../../domain/ids.ts";
import { errnoOf } from "../host-directory/errno.ts";
import { countCall } from "./count.ts";
import { providerLayout } from "./layout.ts";
import { buildSandbox, type NewSandbox, publish } from "./provider.ts";

/** When a late sandbox appears: at a call of the provider, counted for its key, or at a time. */
const dueSchema = z.object({ atCall: z.number().optional(), at: z.coerce.date().optional() });

/** Calls of the provider about a key, whichever they are, as far as they are counted. */
const anyCall = "any";

/** Builds a sandbox that appears `afterCalls` calls of the provider about its key later, or `afterMs`. */
export async function createLate(root: string, wanted: NewSandbox, { afterCalls, afterMs }: { afterCalls?: number | undefined; afterMs?: number | undefined }): Promise<void> {
  const at = providerLayout(root);
  const { stage } = await buildSandbox(root, wanted);
  const due = afterCalls === undefined ? { at: new Date(Date.now() + (afterMs ?? 0)) } : { atCall: (await countCall(at.callsOf(wanted.key), anyCall)) + afterCalls };
  await writeFile(join(stage, "due.json"), JSON.stringify(due));
  await mkdir(at.lateOf(wanted.key), { recursive: true, mode: 0o700 });
  await rename(stage, join(at.lateOf(wanted.key), newId()));
}

/** To be called before each call of the provider: what is late and due appears. Without a key, for every key. */
export async function appear(root: string, key: string | null): Promise<void> {
  const at = providerLayout(root);
  const keys = key === null ? (await names(at.late)).filter(isId) : [key];
  for (const one of keys) {
    const waiting = await names(at.lateOf(one));
    if (waiting.length === 0) continue;
    const call = await countCall(at.callsOf(one), anyCall);
    for (const name of waiting) await appearIfDue(join(at.lateOf(one), name), at.sandboxesOf(one), call);
  }
}

async function appearIfDue(path: string, directory: string, call: number): Promise<void> {
  const text = await readFile(join(path, "due.json"), "utf8").catch(() => null);
  // Somebody else's call was the one.
  if (text === null) return;
  const { atCall, at } = dueSchema.parse(JSON.parse(text));
  if (atCall === undefined ? Date.now() < (at?.getTime() ?? 0) : call < atCall) return;
  await publish(path, directory).catch((error: unknown) => {
    if (errnoOf(error) !== "ENOENT") throw error;
  });
}

const names = (directory: string): Promise<string[]> => readdir(directory).catch(() => []);
