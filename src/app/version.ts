import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageDirectory } from "../package-directory.ts";

/** The package's version, as its `package.json` says. */
export const packageVersion = (): string => (JSON.parse(readFileSync(join(packageDirectory(), "package.json"), "utf8")) as { version: string }).version;
