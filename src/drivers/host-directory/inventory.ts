import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { transient } from "../../domain/errors.ts";
import { isId } from "../../domain/ids.ts";
import type { CallContext, Listed } from "../driver.ts";
import { errnoOf } from "./errno.ts";
import { readMarker } from "./marker.ts";
import { seenFence } from "./seen-fence.ts";

/** Lists what carries our installation id. What cannot be read is nobody's, is left out and logged. */
export async function* listLeases(context: Omit<CallContext, "fence" | "reveal">, root: string, installation: string): AsyncIterable<Listed> {
  const entries = await readdir(root, { withFileTypes: true }).catch((cause: unknown) => {
    throw transient("inventory_failed", `${root} could not be listed`, { cause });
  });
  for (const entry of entries) {
    if (!entry.isDirectory() || !isId(entry.name)) continue;
    const marker = await readMarker(join(root, entry.name)).catch((error: unknown) => {
      // Released while we were listing.
      if (errnoOf(error) !== "ENOENT") context.log.warn({ entry: entry.name, err: error }, "a lease's directory has no readable marker");
      return null;
    });
    if (marker === null || marker.installation !== installation || marker.key !== entry.name) continue;
    yield {
      key: marker.key,
      labels: { installation: marker.installation, company: marker.company, run: marker.run },
      createdAt: marker.createdAt,
      providerLeaseId: null,
      fence: await seenFence(join(root, entry.name)),
    };
  }
}
