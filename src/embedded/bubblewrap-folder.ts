import { join } from "node:path";
import { cacheFolder } from "./redis-binary.ts";

/** Root's: as root each sandbox has a user of its own, who has to reach the program; so not below root's home. */
const shared = "/var/cache/leasehold/bubblewrap";

/** Where setup.sh unpacks bubblewrap when the system has none: as root for everybody, else for this user. The same rule as there. */
export const bubblewrapFolders = (): readonly string[] => (process.getuid?.() === 0 ? [shared] : [shared, join(cacheFolder(), "bubblewrap")]);
