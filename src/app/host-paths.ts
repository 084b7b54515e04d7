import { realpath } from "node:fs/promises";
import { invalid, refused } from "../domain/errors.ts";
import { isWithin } from "../domain/paths.ts";
import { publishHostPath } from "../drivers/host-directory/host-path.ts";
import type { HostPathSource } from "../runs/host-path.ts";

/** Host paths as workspaces: only what lies under one of the allowed directories, symbolic links resolved first, and never our own data: it holds passwords. */
export function allowedHostPaths(allowed: readonly string[], dataDir: string): HostPathSource {
  return {
    allow: async (path) => {
      const real = await realpath(path).catch((cause: unknown) => {
        throw invalid("workspace_not_found", `the workspace ${path} is not there on this host`, { cause });
      });
      const own = await realpath(dataDir).catch(() => dataDir);
      if (isWithin(real, own) || isWithin(own, real)) {
        throw refused("workspace_holds_data", `${path} is, holds or lies in the directory where this worker keeps its data; it cannot be a workspace`);
      }
      for (const directory of allowed) {
        const root = await realpath(directory).catch(() => null);
        if (root !== null && isWithin(real, root)) return real;
      }
      throw refused("workspace_not_allowed", `this worker does not allow ${path} as a workspace; add a directory above it to LEASEHOLD_WORKSPACE_PATHS`);
    },
    publish: publishHostPath,
  };
}
