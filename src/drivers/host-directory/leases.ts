import { chmodSync, mkdirSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { gone, refused } from "../../domain/errors.ts";
import type { CallContext, Inventory, Labels } from "../driver.ts";
import { acquireDirectory, type Wanted } from "./acquire.ts";
import { listedThere, rootIdentity } from "./endpoint.ts";
import { listLeases } from "./inventory.ts";
import { isThere } from "./is-there.ts";
import { type Marker, readMarker } from "./marker.ts";
import { leaseDirectory, stagesIn } from "./places.ts";
import { type Released, releaseDirectory } from "./release.ts";
import { prune } from "./trash.ts";

export interface LeaseRoot {
  /** The driver's provider, for the root's identity. */
  readonly provider: string;
  /** Absolute path of the directory that holds the leases' directories; made if it is not there. One file system. */
  readonly root: string;
  /** Our installation's id, written into every lease's directory. */
  readonly installation: string;
  /** Mode of the root: who but us has to find the way to what is in it. */
  readonly mode: number;
  /** Cleans up the driver's own, beside what acquires and releases left that died on their way; now and then, after a release. */
  readonly prune?: () => Promise<void>;
}

export interface OpenedLease {
  readonly directory: string;
  /** Null when it was removed by what runs there: nothing is to be had from it, but what runs can still be ended. */
  readonly marker: Marker | null;
}

/** Milliseconds between two rounds of cleaning up after what died. */
const pruneEvery = 60 * 60 * 1000;

/** Leases that are directories of this machine: what the drivers of this machine have in common. */
export function directoryLeases({ provider, root, installation, mode, prune: pruneOwn }: LeaseRoot) {
  // Whatever the umask says, where we are the first.
  if (mkdirSync(root, { recursive: true }) !== undefined) chmodSync(root, mode);
  mkdirSync(stagesIn(root), { recursive: true, mode: 0o700 });
  const identity = rootIdentity(provider, root);
  const inventory: Inventory = {
    endpoint: () => identity.read(),
    list: (context) => listedThere(identity, listLeases(context, root, installation)),
    // A directory's name is its key.
    discard: null,
  };
  let prunedAt = -Infinity;

  return {
    inventory,

    /** Gives the lease's directory. Throws `gone`, `refused`, `stale`. */
    async acquire(context: CallContext, request: { key: string; labels: Labels }, prepare?: Wanted["prepare"]): Promise<string> {
      const { key, labels } = request;
      if (labels.installation !== installation) {
        throw refused("installation_foreign", "the lease belongs to another installation than this driver works for");
      }
      return acquireDirectory({ root, key, labels, fence: context.fence, ...(prepare === undefined ? {} : { prepare }) });
    },

    async inspect(key: string): Promise<"up" | "gone" | "unknown"> {
      const directory = leaseDirectory(root, key);
      try {
        return (await lstat(directory)).isDirectory() && (await readMarker(directory)).installation === installation ? "up" : "gone";
      } catch {
        // Without the root, nothing can be said about what is in it; nor by an empty directory where its disk is mounted else.
        const there = await identity.read().catch(() => null);
        return there === null || (await isThere(directory).catch(() => true)) ? "unknown" : "gone";
      }
    },

    /** Throws `gone` when the directory is not there, `refused` when it is not ours. */
    async open(key: string): Promise<OpenedLease> {
      const directory = leaseDirectory(root, key);
      const marker = await readMarker(directory).catch(() => null);
      if (marker === null && (await lstat(directory).catch(() => null))?.isDirectory() !== true) {
        throw gone("lease_gone", "the lease's directory is not there any more");
      }
      if (marker !== null && marker.installation !== installation) throw refused("resource_foreign", `${directory} is not ours; it is left alone`);
      return { directory, marker };
    },

    /** Removes the directory. `endStrays` ends what runs there. */
    async release(context: CallContext, resource: { key: string; handle: unknown }, endStrays: Released["endStrays"]): Promise<void> {
      const { key, handle } = resource;
      await releaseDirectory({ root, key, installation, fence: context.fence, acquired: handle !== null, endStrays });
      if (performance.now() - prunedAt > pruneEvery) {
        prunedAt = performance.now();
        await prune(root, context.log);
        await pruneOwn?.().catch((err: unknown) => context.log.warn({ err }, "could not clean up"));
      }
    },
  };
}
