import { lstat, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "../../domain/ids.ts";
import { gone, LeaseholdError, refused, transient } from "../../domain/errors.ts";
import { raiseFence } from "../../session/lease-directory.ts";
import type { Labels } from "../driver.ts";
import { makePlaces } from "./make-places.ts";
import { leaseDirectory, stagesIn } from "./places.ts";
import { errnoOf } from "./errno.ts";
import { type Marker, markerPath, readMarker } from "./marker.ts";
import { hostSession } from "./session.ts";

export interface Wanted {
  readonly root: string;
  readonly key: string;
  readonly labels: Labels;
  readonly fence: number;
  /** Adds the driver's own to the directory while it is being built aside, and to its marker what it gives back. */
  readonly prepare?: (stage: string) => Promise<Pick<Marker, "user">>;
}

/**
 * Makes the lease's directory, or takes over the one that is there. It is built aside and renamed into place, so that
 * it is there complete, with its marker, or not at all. Throws `gone` for a released key, `refused` for a foreign
 * directory, `stale` for an old fence.
 */
export async function acquireDirectory({ root, key, labels, fence, prepare }: Wanted): Promise<string> {
  const directory = leaseDirectory(root, key);
  const stage = join(stagesIn(root), `${key}.${newId()}`);
  if (!(await exists(directory))) {
    try {
      await makePlaces(stage, fence);
      const marker: Marker = { ...labels, key, createdAt: new Date(), ...(await prepare?.(stage)) };
      await writeFile(markerPath(stage), JSON.stringify(marker), { mode: 0o600 });
      await rename(stage, directory);
      return directory;
    } catch (error) {
      // Whether it is removed now or with the release changes nothing; what went wrong before is what counts.
      await rm(stage, { recursive: true, force: true }).catch(() => {});
      // Unless somebody made it, or released it, in the meantime.
      if (!(await exists(directory))) throw fault(error, root);
    }
  }
  await adopt(directory, labels, fence);
  return directory;
}

async function adopt(directory: string, labels: Labels, fence: number): Promise<void> {
  const found = await lstat(directory).catch(vanished);
  if (found.isFile()) throw gone("lease_released", "this resource key was released; it never comes back");
  const marker = found.isDirectory() ? await readMarker(directory).catch(() => null) : null;
  if (marker === null || marker.installation !== labels.installation || marker.company !== labels.company) {
    // Somebody may just be releasing it; then what was looked at is not what is there now.
    const now = await lstat(directory).catch(vanished);
    if (now.ino !== found.ino) throw transient("lease_unreachable", "the lease's directory is being released");
    throw refused("resource_foreign", `${directory} is there and not ours; it is left alone. Look whose it is and move it away`);
  }
  await raiseFence(hostSession(directory), fence);
}

const vanished = (cause: unknown): never => {
  throw transient("lease_unreachable", "the lease's directory was there and is not any more", { cause });
};

const exists = async (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** A full disk and the like pass; permissions need somebody. */
function fault(error: unknown, root: string): Error {
  if (error instanceof LeaseholdError) return error;
  if (["EACCES", "EPERM", "EROFS"].includes(errnoOf(error) ?? "")) {
    return refused("root_not_writable", `${root} cannot be written to; give this user write permission there`, { cause: error });
  }
  return transient("lease_not_made", "the lease's directory could not be made", { cause: error });
}
