import { lstat } from "node:fs/promises";
import { errnoOf } from "./errno.ts";

/** Whether something has that name; links are not followed. Throws what keeps us from knowing. */
export const isThere = async (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    (error: unknown) => {
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return false;
      throw error;
    },
  );
