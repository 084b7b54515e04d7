import { endProcesses } from "../host-directory/processes.ts";
import { placesIn } from "../host-directory/places.ts";

/**
 * Ends every process that was given this lease's home or temporary directory, for when the lease's own records are gone; and
 * all that carry the cookie of one of `executions`.
 */
export async function endStrays(directory: string, executions: readonly string[]): Promise<void> {
  const { home, tmp } = placesIn(directory);
  const variables = [`HOME=${home}`, `TMPDIR=${tmp}`, ...executions.map((id) => `LEASEHOLD_EXECUTION=${id}`)];
  await endProcesses(directory, "environ", (text) => text.split("\0").some((variable) => variables.includes(variable)));
}
