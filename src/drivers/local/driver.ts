import { mkdirSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { resolve } from "node:path";
import { timing } from "../../domain/defaults.ts";
import { gone, refused } from "../../domain/errors.ts";
import type { Driver } from "../driver.ts";
import { acquireDirectory } from "./acquire.ts";
import { localConfig } from "./config.ts";
import { leaseDirectory, placesIn, stagesIn } from "./directories.ts";
import { checkHandle, newHandle } from "./handle.ts";
import { listLeases } from "./inventory.ts";
import { readMarker } from "./marker.ts";
import { probeLocal } from "./probe.ts";
import { releaseDirectory } from "./release.ts";
import { localSession } from "./session.ts";
import { prune } from "./trash.ts";

export interface LocalPlace {
  /** Directory that holds the leases' directories; made if it is not there. One file system. */
  readonly root: string;
  /** Our installation's id, written into every lease's directory. */
  readonly installation: string;
  /** PATH of the commands; the system's usual directories when not given. */
  readonly path?: string;
}

/** Milliseconds between two rounds of cleaning up after what died. */
const pruneEvery = 60 * 60 * 1000;

/** Leases on this machine: a directory each, processes of this user, no isolation. */
export function localDriver(place: LocalPlace): Driver {
  const root = resolve(place.root);
  const { installation } = place;
  mkdirSync(stagesIn(root), { recursive: true, mode: 0o700 });
  let prunedAt = -Infinity;

  return {
    kind: "local",
    provider: "local",
    facts: { isolation: "none", placement: "host", fencing: "enforced", maxTtlMs: null, callTimeoutMs: timing.call },
    config: localConfig,
    inventory: (context) => listLeases(context, root, installation),

    probe: () => probeLocal(root),

    async acquire(context, { key, labels }) {
      if (labels.installation !== installation) {
        throw refused("installation_foreign", "the lease belongs to another installation than this driver works for");
      }
      const directory = await acquireDirectory(root, key, labels, context.fence);
      return {
        handle: newHandle(),
        providerLeaseId: null,
        target: { transport: "local", cwd: placesIn(directory).workspace, shell: "/bin/sh" },
        metadata: {},
      };
    },

    async inspect(_context, { key, handle }) {
      checkHandle(handle);
      const directory = leaseDirectory(root, key);
      try {
        return (await lstat(directory)).isDirectory() && (await readMarker(directory)).installation === installation ? "up" : "gone";
      } catch {
        // Without the root, nothing can be said about what is in it.
        return (await lstat(root).catch(() => null)) !== null && (await lstat(directory).catch(() => null)) === null ? "gone" : "unknown";
      }
    },

    async extend(_context, { handle }, expiresAt) {
      checkHandle(handle);
      return expiresAt;
    },

    async session(_context, { key, handle }) {
      checkHandle(handle);
      const directory = leaseDirectory(root, key);
      const marker = await readMarker(directory).catch(() => null);
      // Without a marker there is nothing to be had there, and every script says so; but what runs can still be ended.
      if (marker === null && (await lstat(directory).catch(() => null))?.isDirectory() !== true) {
        throw gone("lease_gone", "the lease's directory is not there any more");
      }
      if (marker !== null && marker.installation !== installation) throw refused("resource_foreign", `${directory} is not ours; it is left alone`);
      return localSession(directory, place.path);
    },

    async release(context, { key, handle }) {
      await releaseDirectory({ root, key, installation, fence: context.fence, acquired: handle !== null });
      if (performance.now() - prunedAt > pruneEvery) {
        prunedAt = performance.now();
        await prune(root, context.log);
      }
    },

    async close() {},
  };
}
