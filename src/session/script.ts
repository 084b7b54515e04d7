import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageDirectory } from "../package-directory.ts";

/** The shell scripts beside this file, by name without `.sh`. */
export type ScriptName =
  | "process"
  | "tree"
  | "fence"
  | "start"
  | "plant"
  | "supervisor"
  | "command"
  | "become"
  | "enclosed"
  | "status"
  | "kill"
  | "follow"
  | "beat"
  | "adopt"
  | "publish"
  | "retire";

const texts = new Map<ScriptName, string>();

function read(name: ScriptName): string {
  let text = texts.get(name);
  if (text === undefined) {
    // Comment lines are for the reader here, not for every process list.
    text = readFileSync(join(packageDirectory(), "src/session", `${name}.sh`), "utf8").replaceAll(/^\t*#.*\n/gm, "").replaceAll(/^\t+/gm, "");
    texts.set(name, text);
  }
  return text;
}

/** The scripts in that order as one; the first line names the last, so that a process list tells what runs. */
export const script = (...names: readonly ScriptName[]): string =>
  `: leasehold ${names.at(-1) ?? ""}\n${names.map(read).join("")}`;
