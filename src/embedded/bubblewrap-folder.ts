import { join } from "node:path";
import { cacheFolder } from "./redis-binary.ts";

/**
 * Where setup.sh unpacks bubblewrap when the system has none; the same rule as there. As root each sandbox has a user of
 * its own, who has to reach the program: so not below root's home.
 */
export const bubblewrapFolder = (): string => join(process.getuid?.() === 0 ? "/var/cache/leasehold" : cacheFolder(), "bubblewrap");
