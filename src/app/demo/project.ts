import { existsSync } from "node:fs";
import { join } from "node:path";
import { packageDirectory } from "../../package-directory.ts";

/** The example project's own test command. */
export const rehearse = ["npm", "test", "--silent"];

/** The example project, at the root of this checkout. */
export function exampleProject(): string {
  const path = join(packageDirectory(), "examples/roman");
  if (!existsSync(join(path, "package.json"))) throw new Error("examples/roman is missing; the demo runs from a checkout of the repository");
  return path;
}
