import { endProcesses } from "../host-directory/processes.ts";
import { placesIn } from "../host-directory/places.ts";

/**
 * Ends every process of a sandbox, as the end of a machine would: its commands, and our helpers in it. It was called
 * `directory` and has been moved to `trash`. Throws `transient` when something stays.
 */
export async function endInhabitants(directory: string, trash: string): Promise<void> {
  const { home, tmp } = placesIn(directory);
  const variables = [`HOME=${home}`, `TMPDIR=${tmp}`];
  await endProcesses(directory, "cwd", (path) => path.startsWith(`${trash}/`));
  await endProcesses(directory, "environ", (text) => text.split("\0").some((variable) => variables.includes(variable)));
}
