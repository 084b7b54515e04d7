import { endProcesses } from "../host-directory/processes.ts";
import { placesIn } from "../host-directory/places.ts";

/**
 * Ends every process that was given this lease's home or temporary directory: for when the lease's own records are gone,
 * so that nothing else can tell what runs there.
 */
export function endStrays(directory: string): Promise<void> {
  const { home, tmp } = placesIn(directory);
  const variables = [`HOME=${home}`, `TMPDIR=${tmp}`];
  return endProcesses(directory, "environ", (text) => text.split("\0").some((variable) => variables.includes(variable)));
}
