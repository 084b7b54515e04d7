import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The example project's own test command. */
export const rehearse = ["npm", "test", "--silent"];

/** The example project, at the root of this checkout. */
export function exampleProject(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    const path = join(dir, "examples/roman");
    if (existsSync(join(path, "package.json"))) return path;
  }
  throw new Error("examples/roman is missing; the demo runs from a checkout of the repository");
}
