import { endProcesses } from "../host-directory/processes.ts";

/**
 * Ends every process of a lease, whether or not a record of ours tells of it: all of its own users; without one, every
 * bubblewrap over its directory, with which everything in it dies.
 */
export async function endStrays(directory: string, users: readonly number[]): Promise<void> {
  for (const user of users) {
    await endProcesses(directory, "status", (text) => /^Uid:\t(\d+)/m.exec(text)?.[1] === String(user) && !/^State:\t[ZX]/m.test(text));
  }
  if (users.length > 0) return;
  await endProcesses(directory, "cmdline", (text) => text.includes(`bwrap\0--unshare-user`) && text.includes(`\0${directory}/workspace\0`));
}
