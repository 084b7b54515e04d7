import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

let found: string | undefined;

/**
 * Where this installation lies: the nearest directory above this code that has Leasehold's `package.json`. What comes with
 * the code (migrations, scripts of the session, the program itself) is found from there, because the code may be in a
 * bundle, in `dist/src` or in `src`.
 */
export function packageDirectory(): string {
  if (found !== undefined) return found;
  for (let dir = dirname(fileURLToPath(import.meta.url)); ; dir = dirname(dir)) {
    if (existsSync(join(dir, "package.json")) && existsSync(join(dir, "migrations"))) return (found = dir);
    if (dir === dirname(dir)) throw new Error("this installation of Leasehold is not whole: package.json and migrations are missing above its code");
  }
}
