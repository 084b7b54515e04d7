import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { basename } from "node:path";
import { identify } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";

/**
 * The processes that work in `directory` and bear one of `names`. Both servers make their data directory their working
 * directory, so this finds a server, and what it left behind, also when whoever started it died before writing
 * a pid down; and it cannot take a stranger who got an old pid for a server.
 */
export async function processesIn(directory: string, names: readonly string[]): Promise<ProcessIdentity[]> {
  const real = await realpath(directory);
  const pids = process.platform === "linux" ? pidsByProc(real, names) : pidsByLsof(real, names);
  return pids.map(identify).filter((one) => one !== undefined);
}

function pidsByProc(real: string, names: readonly string[]): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((entry) => {
      try {
        return readlinkSync(`/proc/${entry}/cwd`) === real && names.includes(readFileSync(`/proc/${entry}/comm`, "utf8").trim());
      } catch {
        return false; // It ended meanwhile, or belongs to somebody else: then it is not ours.
      }
    })
    .map(Number);
}

function pidsByLsof(real: string, names: readonly string[]): number[] {
  // -F: one field per line; p = pid, c = command, n = name of the file, here the working directory.
  let fields: string;
  try {
    fields = execFileSync("lsof", ["-w", "-a", "-d", "cwd", "-u", String(process.getuid?.()), "-F", "pcn"], { encoding: "utf8" });
  } catch (error) {
    // lsof ends with 1 also when only some processes could not be read; what it printed still holds.
    const printed = (error as { stdout?: unknown }).stdout;
    if (typeof printed !== "string" || printed === "") throw error;
    fields = printed;
  }
  const pids: number[] = [];
  let pid = 0;
  let command = "";
  for (const line of fields.split("\n")) {
    const value = line.slice(1);
    if (line.startsWith("p")) pid = Number(value);
    if (line.startsWith("c")) command = basename(value);
    if (line.startsWith("n") && value === real && names.includes(command)) pids.push(pid);
  }
  return pids;
}
