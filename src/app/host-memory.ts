import { mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isId } from "../domain/ids.ts";
import { syncDirectory } from "../embedded/private-file.ts";
import type { HostMemory } from "../leases/witness.ts";

/** What this machine remembers of an installation: a directory beside `host-id`, with an empty file for each number. */
export async function hostMemory(dataDir: string, installation: string): Promise<HostMemory> {
  const all = join(dataDir, "witness");
  const directory = join(all, installation);
  if ((await mkdir(directory, { recursive: true, mode: 0o700 })) !== undefined) {
    await syncDirectory(all);
    await syncDirectory(dataDir);
  }
  return {
    known: async () => (await readdir(directory)).filter(isId),
    async remember(number) {
      await (await open(join(directory, number), "wx", 0o600)).close();
      await syncDirectory(directory);
    },
    async forget(numbers) {
      for (const number of numbers) await rm(join(directory, number), { force: true });
    },
  };
}
