import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { insider, insiderName, seen } from "./layout.ts";

/** The lease's own part of /etc, in its directory. */
export const etcIn = (directory: string): string => join(directory, "etc");

const files = {
  passwd: [`root:x:0:0:root:/nonexistent:/usr/sbin/nologin`, `${insiderName}:x:${insider}:${insider}::${seen.home}:/bin/sh`, "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin", ""].join("\n"),
  group: ["root:x:0:", `${insiderName}:x:${insider}:`, "nogroup:x:65534:", ""].join("\n"),
  hosts: "127.0.0.1 localhost\n::1 localhost\n",
  "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
} as const;

/** Writes it. A sandbox sees it read-only. */
export async function makeEtc(directory: string): Promise<void> {
  const etc = etcIn(directory);
  await mkdir(etc);
  await chmod(etc, 0o755);
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(etc, name), text);
    await chmod(join(etc, name), 0o644);
  }
}

/** bubblewrap's arguments for it; `shared` names what comes from the host instead. */
export const etcArguments = (directory: string, shared: readonly string[]): readonly string[] =>
  Object.keys(files).flatMap((name) => (shared.includes(`/etc/${name}`) ? [] : ["--ro-bind", join(etcIn(directory), name), `/etc/${name}`]));
