import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { refused } from "../../domain/errors.ts";

/**
 * The directory on the way to what is in `path`, or to the file of that name, that a user without any rights of its own
 * cannot pass; null when there is none. Throws when the path is not there.
 */
export async function barrierOnTheWay(path: string): Promise<string | null> {
  for (let at = await realpath(path); ; at = dirname(at)) {
    const found = await stat(at);
    if (found.isDirectory() && (found.mode & 0o001) === 0) return at;
    if (at === dirname(at)) return null;
  }
}

/**
 * Checks what an environment wants of the host against what this worker allows: binds below one of `allowed`, the host's
 * network if `network`. Throws `refused` with the setting to change.
 */
export async function checkWishes(
  wishes: { readonly network: "none" | "host"; readonly binds: readonly { readonly source: string }[] },
  worker: { readonly binds: readonly string[]; readonly network: boolean; readonly ownUsers: boolean },
): Promise<void> {
  if (wishes.network === "host" && !worker.network) {
    throw refused("sandbox_network_not_allowed", "this worker does not give sandboxes the host's network; set LEASEHOLD_SANDBOX_NETWORK=host for it, or the environment's network to none");
  }
  const roots = await Promise.all(worker.binds.map((root) => realpath(root).catch(() => null)));
  for (const { source } of wishes.binds) {
    const real = await realpath(source).catch((cause: unknown) => {
      throw refused("sandbox_bind_missing", `${source} is not there on this host; change the environment's binds`, { cause });
    });
    if (!roots.some((root) => root !== null && (real === root || real.startsWith(`${root}/`)))) {
      throw refused("sandbox_bind_not_allowed", `this worker does not allow ${source} in sandboxes; add it, or a directory above it, to LEASEHOLD_SANDBOX_BINDS`);
    }
    const barrier = worker.ownUsers ? await barrierOnTheWay(real) : null;
    if (barrier !== null) throw refused("sandbox_bind_unreachable", `${source} cannot be reached by the sandbox's own user: ${barrier} lets nobody pass. chmod o+x it, or copy what you need elsewhere`);
  }
}
