import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { isId } from "../../../src/domain/ids.ts";
import type { Places } from "../fleet/fleet.ts";
import type { Left } from "./evidence.ts";
import { attempt, cookieIn, namesIn, processesNow } from "./watch.ts";
import { statSync } from "node:fs";

/** What is still there: directories of leases, parts of them put aside, processes in or of them, sandboxes at the provider. */
export function lookForLeft(places: Places, foreign: (name: string) => boolean): Left {
  const directories: string[] = [];
  const provider: string[] = [];
  for (const root of [places.roots.local, places.roots.sandbox, places.provider]) {
    const ids = namesIn(root).filter((name) => isId(name) && !foreign(name) && attempt(() => statSync(join(root, name)).isDirectory()) === true);
    directories.push(...ids.map((name) => join(root, name)));
    if (root === places.provider) continue;
    // Put aside for a lease, whose release takes it along. Other remains of crashes are tidied up after a day.
    for (const aside of [".stage", ".trash"]) directories.push(...namesIn(join(root, aside)).filter((name) => isId(name.slice(0, 36))).map((name) => join(root, aside, name)));
    directories.push(...namesIn(join(root, ".users")).map((name) => join(root, ".users", name)));
  }
  for (const [kind, root] of [["sandbox", places.roots.fake], ["late sandbox", join(places.provider, "late")]] as const) {
    for (const key of namesIn(root)) if (!foreign(key)) provider.push(...namesIn(join(root, key)).map((name) => `${kind} ${key}/${name}`));
  }
  const roots = [places.roots.local, places.roots.sandbox, places.provider];
  const processes = processesNow().flatMap(({ pid, command, environ }) => {
    const cwd = attempt(() => readlinkSync(`/proc/${pid}/cwd`)) ?? "";
    const ours = roots.some((root) => cwd.startsWith(root) || environ.includes(`=${root}`) || command.includes(`${root}/`)) && !environ.includes("LEASEHOLD_DATA_DIR=");
    return ours ? [{ pid, execution: cookieIn(environ), command: command.slice(-160) }] : [];
  });
  return { directories, processes, provider };
}
