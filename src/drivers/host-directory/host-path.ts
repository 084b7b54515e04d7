import { execFile } from "node:child_process";
import { access, chmod, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { isWithin } from "../../domain/paths.ts";
import { cancelled, invalid, transient } from "../../domain/errors.ts";
import type { Caller } from "../../session/execution-place.ts";
import { publishStage } from "../../session/lease-directory.ts";
import type { Session } from "../../session/session.ts";
import { searchPath } from "./session.ts";
import { removeTree } from "./trash.ts";

const run = promisify(execFile);

export interface HostPath {
  /** The lease's, on this machine. */
  readonly session: Session;
  /** A directory of this machine. */
  readonly source: string;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/**
 * Makes a copy of `source` the lease's workspace: modes, times and links as they are, links never followed. Done once
 * per fence; a repetition changes nothing. Throws `invalid` for a source that is no such directory, `stale`, `gone`,
 * `cancelled` when the signal fires.
 */
export async function publishHostPath({ session, source, caller, signal }: HostPath): Promise<void> {
  const directory = dirname(session.places.workspace);
  const stage = join(directory, `stage.${caller.offer}`);
  const from = await checkSource(source, directory, signal);
  try {
    // Left by the same attempt, if it was cut off.
    await removeTree(stage);
    await command("cp", ["-a", "--reflink=auto", "--no-target-directory", "--", from, stage], signal);
    await access(stage);
    // A command must be able to write into its workspace, whatever the original allows.
    await chmod(stage, (await stat(stage)).mode | 0o700);
    const owner = session.enclosure?.owner ?? null;
    // Of the copy itself and of links in it, never of what links lead to.
    if (owner !== null) await command("chown", ["-hR", "--", `${owner}:${owner}`, stage], signal);
    await publishStage(session, caller, stage, join(directory, `replaced.${caller.fence}.${caller.offer}`));
  } finally {
    await removeTree(stage);
  }
}

async function checkSource(source: string, lease: string, signal: AbortSignal): Promise<string> {
  const from = await realpath(resolve(source)).catch((cause: unknown) => {
    throw invalid("workspace_not_found", `the workspace ${source} is not there on this host`, { cause });
  });
  if (!(await stat(from)).isDirectory()) throw invalid("workspace_not_directory", `the workspace ${source} is not a directory`);
  if (isWithin(await realpath(lease), from)) throw invalid("workspace_holds_leases", `the workspace ${source} contains the leases' own directory`);
  const special = await command("find", [from, "!", "-type", "f", "!", "-type", "d", "!", "-type", "l", "-print0", "-quit"], signal);
  if (special !== "") throw invalid("workspace_special_file", `the workspace holds a device, pipe or socket, which cannot be copied: ${special.replace("\0", "")}`);
  return from;
}

async function command(program: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    return (await run(program, args, { env: { PATH: searchPath }, cwd: "/", signal })).stdout;
  } catch (cause) {
    if (signal.aborted) throw cancelled("realize_cancelled", "copying the workspace was called off", { cause });
    throw transient("workspace_not_copied", `${program} could not copy the workspace: ${said(cause)}`, { cause });
  }
}

const said = (error: unknown): string =>
  error instanceof Error && "stderr" in error && typeof error.stderr === "string" ? error.stderr.trim().slice(0, 300) : String(error);
