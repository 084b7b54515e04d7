import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { FieldFault } from "../domain/errors.ts";

/** A file that settings may stand in. */
export interface ConfigFile {
  readonly path: string;
  /** `unreadable`: it is there, and not for this user; what it says does not count for us. `faulty`: it cannot be made sense of. */
  readonly state: "read" | "absent" | "unreadable" | "faulty";
  readonly content: Readonly<Record<string, unknown>>;
  /** Whether others than its owner may read it. */
  readonly readable: boolean;
}

/** The system's, for everybody on this machine. */
const systemFile = "/etc/leasehold/config.json";
/** No configuration is near this; what is larger is something else. Bytes. */
const sizeMax = 1024 * 1024;

/**
 * The files to be read, the one that counts most first: the user's and the system's, or only the one that was named. What
 * the directory says that somebody happens to be in is not heard: it may have come with somebody else's repository.
 */
export function configPaths(env: NodeJS.ProcessEnv): { readonly named: string | undefined; readonly user: string | undefined; readonly system: string } {
  const base = env["XDG_CONFIG_HOME"]?.startsWith("/") === true ? env["XDG_CONFIG_HOME"] : env["HOME"] === undefined || env["HOME"] === "" ? undefined : join(env["HOME"], ".config");
  return { named: env["LEASEHOLD_CONFIG"] || undefined, user: base === undefined ? undefined : join(base, "leasehold/config.json"), system: systemFile };
}

/** Reads those that there are. What is wrong with one is put to the `faults`, and then it says nothing. */
export function readConfigFiles(env: NodeJS.ProcessEnv, faults: FieldFault[]): readonly ConfigFile[] {
  const { named, user, system } = configPaths(env);
  if (named !== undefined) return [readConfigFile(named, { required: true, skipped: false }, faults)];
  return [
    ...(user === undefined ? [] : [readConfigFile(user, { required: false, skipped: false }, faults)]),
    readConfigFile(system, { required: false, skipped: true }, faults),
  ];
}

function readConfigFile(path: string, { required, skipped }: { readonly required: boolean; readonly skipped: boolean }, faults: FieldFault[]): ConfigFile {
  const nothing = (state: ConfigFile["state"]): ConfigFile => ({ path, state, content: {}, readable: false });
  const wrong = (message: string): ConfigFile => {
    faults.push({ field: path, message });
    return nothing("faulty");
  };
  let opened: number;
  try {
    // Not to hang on a pipe that nobody writes to.
    opened = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && !required) return nothing("absent");
    if ((code === "EACCES" || code === "EPERM") && skipped) return nothing("unreadable");
    return wrong(code === "ENOENT" ? "is not there; LEASEHOLD_CONFIG names it" : `cannot be read: ${message}`);
  }
  try {
    const found = fstatSync(opened);
    if (path === "/dev/null") return { path, state: "read", content: {}, readable: false };
    if (!found.isFile()) return wrong("is not a file");
    if (found.size > sizeMax) return wrong(`has ${found.size} bytes; that is no configuration`);
    if ((found.mode & 0o022) !== 0) return wrong(`can be changed by other users; chmod go-w ${path}`);
    const content = objectIn(readFileSync(opened));
    return typeof content === "string" ? wrong(content) : { path, state: "read", content, readable: (found.mode & 0o044) !== 0 };
  } finally {
    closeSync(opened);
  }
}

/** The JSON object in it, or what is wrong. An empty file says nothing, and that is right. */
function objectIn(bytes: Buffer): Record<string, unknown> | string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return "is not text in UTF-8";
  }
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : "must be a JSON object, like {\"port\": 8500}";
  } catch (error) {
    // JSON.parse quotes what it stumbled over, which may be part of a password.
    const at = /position (\d+)/.exec((error as Error).message)?.[1];
    return at === undefined ? "is not JSON" : `is not JSON: line ${text.slice(0, Number(at)).split("\n").length} cannot be read`;
  }
}
