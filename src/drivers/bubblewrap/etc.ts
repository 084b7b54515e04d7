import { chmod, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { transient } from "../../domain/errors.ts";
import { newId } from "../../domain/ids.ts";
import { errnoOf } from "../host-directory/errno.ts";
import { stagesIn } from "../host-directory/places.ts";
import { insider, insiderName, seen } from "./layout.ts";

/** The sandboxes' own part of /etc, the same for all of them. */
const etcIn = (root: string): string => join(root, ".etc");

const files = {
  passwd: [`root:x:0:0:root:/nonexistent:/usr/sbin/nologin`, `${insiderName}:x:${insider}:${insider}::${seen.home}:/bin/sh`, "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin", ""].join("\n"),
  group: ["root:x:0:", `${insiderName}:x:${insider}:`, "nogroup:x:65534:", ""].join("\n"),
  hosts: "127.0.0.1 localhost\n::1 localhost\n",
  "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
} as const;

/** Makes it under the leases' root, if it is not there: whole or not at all. A sandbox sees it read-only. */
export async function makeEtc(root: string): Promise<void> {
  const etc = etcIn(root);
  if (await stat(etc).catch(() => null)) return;
  const stage = join(stagesIn(root), `etc.${newId()}`);
  try {
    await mkdir(stage);
    await chmod(stage, 0o755);
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(stage, name), text);
      await chmod(join(stage, name), 0o644);
    }
    await rename(stage, etc);
  } catch (cause) {
    // Somebody else was first.
    if (["ENOTEMPTY", "EEXIST"].includes(errnoOf(cause) ?? "")) return;
    throw transient("sandbox_etc_not_made", `${etc} could not be made`, { cause });
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

/** bubblewrap's arguments for it; `shared` names what comes from the host instead. */
export const etcArguments = (root: string, shared: readonly string[]): readonly string[] =>
  Object.keys(files).flatMap((name) => (shared.includes(`/etc/${name}`) ? [] : ["--ro-bind", join(etcIn(root), name), `/etc/${name}`]));
