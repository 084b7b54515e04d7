import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { placesIn } from "./places.ts";

/** The highest fence that a lease's directory has seen; null when what runs there has removed or spoiled it. */
export async function seenFence(directory: string): Promise<number | null> {
  const text = await readFile(join(placesIn(directory).control, "fence"), "utf8").catch(() => "");
  const [first = ""] = text.trim().split(/\s/);
  return /^\d{1,9}$/.test(first) ? Number(first) : null;
}
