import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isWithin } from "../../domain/paths.ts";
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

export interface Bind {
  readonly source: string;
  readonly target?: string | undefined;
}

export interface Allowed {
  readonly binds: readonly string[];
  readonly network: boolean;
  readonly ownUsers: boolean;
  /** Directories of ours, with secrets in them: never shown, whatever is allowed. */
  readonly ours: readonly string[];
}

/**
 * Checks what an environment wants of the host against what this worker allows: binds below one of `worker.binds`, the
 * host's network if `worker.network`. Gives the binds by what they lead to now, with no link left in them that could lead
 * elsewhere later. Throws `refused` with the setting to change.
 */
export async function checkWishes(wishes: { readonly network: "none" | "host"; readonly binds: readonly Bind[] }, worker: Allowed): Promise<readonly Required<Bind>[]> {
  if (wishes.network === "host" && !worker.network) {
    throw refused("sandbox_network_not_allowed", "this worker does not give sandboxes the host's network; set LEASEHOLD_SANDBOX_NETWORK=host for it, or the environment's network to none");
  }
  if (wishes.binds.length === 0) return [];
  const roots = await Promise.all(worker.binds.map((root) => realpath(root).catch(() => null)));
  const ours = await Promise.all(worker.ours.map((directory) => realpath(directory).catch(() => directory)));
  const checked: Required<Bind>[] = [];
  for (const { source, target = source } of wishes.binds) {
    const real = await realpath(source).catch((cause: unknown) => {
      throw refused("sandbox_bind_missing", `${source} is not there on this host; change the environment's binds`, { cause });
    });
    if (!roots.some((root) => root !== null && isWithin(real, root))) {
      throw refused("sandbox_bind_not_allowed", `this worker does not allow ${source} in sandboxes; add it, or a directory above it, to LEASEHOLD_SANDBOX_BINDS`);
    }
    if (ours.some((own) => isWithin(real, own) || isWithin(own, real))) {
      throw refused("sandbox_bind_holds_data", `${source} is, holds or lies in the directory where this worker keeps its data; change the environment's binds`);
    }
    const barrier = worker.ownUsers ? await barrierOnTheWay(real) : null;
    if (barrier !== null) throw refused("sandbox_bind_unreachable", `${source} cannot be reached by the sandbox's own user: ${barrier} lets nobody pass. chmod o+x it, or copy what you need elsewhere`);
    checked.push({ source: real, target });
  }
  return checked;
}
