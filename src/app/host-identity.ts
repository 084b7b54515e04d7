import { link, mkdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { readIfThere, writePrivate } from "../embedded/private-file.ts";
import { refused } from "../domain/errors.ts";
import { isId, newId } from "../domain/ids.ts";

/** Who this machine is to the fleet. It lies in the data directory, beside the leases that are bound to it. */
export async function hostIdentity(dataDir: string): Promise<{ id: string; name: string }> {
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const path = join(dataDir, "host-id");
  const known = await readIfThere(path);
  if (known === undefined) {
    // Complete before it has its name: another worker of this machine may be making it at the same moment.
    const draft = `${path}.${newId()}.new`;
    await writePrivate(draft, `${newId()}\n`);
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    await rm(draft, { force: true });
  }
  const id = (known ?? (await readIfThere(path)) ?? "").trim();
  if (!isId(id)) throw refused("host_identity_broken", `${path} does not hold a UUID; restore it, or remove it to make this a new host`);
  return { id, name: hostname() };
}
