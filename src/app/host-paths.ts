import { realpath } from "node:fs/promises";
import { sep } from "node:path";
import { invalid, refused } from "../domain/errors.ts";
import { publishHostPath } from "../drivers/host-directory/host-path.ts";
import type { HostPathSource } from "../runs/host-path.ts";

/** Host paths as workspaces: only what lies under one of the allowed directories, symbolic links resolved first. */
export function allowedHostPaths(allowed: readonly string[]): HostPathSource {
  return {
    allow: async (path) => {
      const real = await realpath(path).catch((cause: unknown) => {
        throw invalid("workspace_not_found", `the workspace ${path} is not there on this host`, { cause });
      });
      for (const directory of allowed) {
        const root = await realpath(directory).catch(() => null);
        if (root !== null && (real === root || real.startsWith(root.endsWith(sep) ? root : root + sep))) return real;
      }
      throw refused("workspace_not_allowed", `this worker does not allow ${path} as a workspace; add a directory above it to LEASEHOLD_WORKSPACE_PATHS`);
    },
    publish: publishHostPath,
  };
}
