import { mkdir, open } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { readIfThere } from "../embedded/private-file.ts";
import { refused } from "../domain/errors.ts";
import { isId, newId } from "../domain/ids.ts";

/** Who this machine is to the fleet. It lies in the data directory, beside the leases that are bound to it. */
export async function hostIdentity(dataDir: string): Promise<{ id: string; name: string }> {
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const path = join(dataDir, "host-id");
  for (;;) {
    const known = (await readIfThere(path))?.trim();
    if (known !== undefined && known !== "") {
      if (!isId(known)) throw refused("host_identity_broken", `${path} does not hold a UUID; restore it, or remove it to make this a new host`);
      return { id: known, name: hostname() };
    }
    try {
      const file = await open(path, "wx", 0o644);
      await file.writeFile(`${newId()}\n`);
      await file.sync();
      await file.close();
    } catch (error) {
      // Another worker of this machine makes it at the same moment; its line is there in an instant.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}
