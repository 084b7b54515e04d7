import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { refused } from "../../domain/errors.ts";
import { searchPath } from "../host-directory/session.ts";

const run = promisify(execFile);
/** The first version with --disable-userns. */
const needed = [0, 8] as const;

export interface Program {
  readonly path: string;
  readonly version: string;
}

/**
 * Finds bubblewrap, in the system's directories and then in `unpacked`. Throws `refused`, with what to do, when there is
 * none or it is too old.
 */
export async function findBubblewrap(unpacked: readonly string[]): Promise<Program> {
  // Unpacked, it needs the script beside it only where the system lacks a library.
  const places = [...searchPath.split(":"), ...unpacked.flatMap((folder) => [join(folder, "usr/bin"), folder])].map((directory) => join(directory, "bwrap"));
  for (const path of places) {
    const said = await run(path, ["--version"], { env: { PATH: searchPath } }).catch(() => null);
    const version = /(\d+)\.(\d+)(\.\d+)?/.exec(said?.stdout ?? "");
    if (version === null) continue;
    const [major, minor] = [Number(version[1]), Number(version[2])];
    if (major > needed[0] || minor >= needed[1]) return { path, version: version[0] };
    throw refused("bubblewrap_too_old", `${path} is bubblewrap ${version[0]}; ${needed.join(".")} or newer is needed`);
  }
  throw refused("bubblewrap_missing", "there is no bubblewrap here; apt-get install -y bubblewrap, or run the project's setup");
}
