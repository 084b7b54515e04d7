import { join } from "node:path";
import { invalid } from "../../domain/errors.ts";
import { isId } from "../../domain/ids.ts";
import type { Places } from "../../session/session.ts";

/** The directory of a lease. Throws `invalid` for a key that is no UUID, and could therefore lead anywhere. */
export function leaseDirectory(root: string, key: string): string {
  if (!isId(key)) throw invalid("resource_key_invalid", "a resource key is a UUID");
  return join(root, key.toLowerCase());
}

/** The four places inside a lease's directory. */
export const placesIn = (directory: string): Places => ({
  workspace: join(directory, "workspace"),
  home: join(directory, "home"),
  tmp: join(directory, "tmp"),
  control: join(directory, "control"),
});

/** Where leases are prepared, and where released ones wait to be deleted. On the root's file system, so that a rename does it. */
export const stagesIn = (root: string): string => join(root, ".stage");
export const trashIn = (root: string): string => join(root, ".trash");
