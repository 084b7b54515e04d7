import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { placesIn } from "./places.ts";

/** Makes a lease's four places in a new directory, with what the supervisor needs but its marker. */
export async function makePlaces(directory: string, fence: number): Promise<void> {
  const { workspace, home, tmp, control } = placesIn(directory);
  for (const path of [workspace, home, tmp, join(control, "x")]) await mkdir(path, { recursive: true, mode: 0o700 });
  await writeFile(join(control, "fence"), `${String(fence).padEnd(100)}\n`, { mode: 0o600 });
  await writeFile(join(control, "lock"), "", { mode: 0o600 });
}
