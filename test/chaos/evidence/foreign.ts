import { createHash, randomUUID } from "node:crypto";
import { lstat, mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "../../../src/domain/ids.ts";
import type { Places } from "../fleet/fleet.ts";

/** Puts what is not ours among what is: without a marker, and with another installation's. Gives their names. */
export async function plantForeign(places: Places): Promise<string[]> {
  const names: string[] = [];
  for (const root of [places.roots.local, places.roots.sandbox]) {
    for (const marked of [false, true]) {
      const name = newId();
      names.push(name);
      for (const place of ["workspace", "home", "tmp", "control"]) await mkdir(join(root, name, place), { recursive: true });
      await writeFile(join(root, name, "workspace", "precious"), "not yours\n");
      if (marked) await writeFile(join(root, name, "control", "marker"), JSON.stringify({ installation: randomUUID(), company: randomUUID(), run: null, key: name, createdAt: new Date() }));
    }
  }
  const name = newId();
  names.push(name);
  const sandbox = join(places.roots.fake, name, "1");
  await mkdir(join(sandbox, "workspace"), { recursive: true });
  await writeFile(join(sandbox, "workspace", "precious"), "not yours\n");
  const record = { id: `${name}-1`, labels: { installation: randomUUID(), company: randomUUID(), holder: randomUUID() }, createdAt: new Date(), expiresAt: new Date(), commands: "real" };
  await writeFile(join(sandbox, "record.json"), JSON.stringify(record));
  return names;
}

/** Everything below these paths: path to kind, mode and digest. */
export async function picture(paths: readonly string[]): Promise<Map<string, string>> {
  const seen = new Map<string, string>();
  const walk = async (path: string): Promise<void> => {
    const facts = await lstat(path).catch(() => null);
    if (facts === null) return void seen.set(path, "gone");
    const mode = (facts.mode & 0o7777).toString(8);
    if (facts.isDirectory()) {
      seen.set(path, `directory ${mode}`);
      for (const name of await readdir(path)) await walk(join(path, name));
    } else if (facts.isSymbolicLink()) seen.set(path, `link ${await readlink(path)}`);
    else seen.set(path, `file ${mode} ${createHash("sha256").update(await readFile(path)).digest("hex")}`);
  };
  for (const path of paths) await walk(path);
  return seen;
}
