import { access, constants, lstat, readFile, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Diagnostic, ProbeResult } from "../driver.ts";
import { searchPath } from "../host-directory/session.ts";

const tools = ["sh", "setsid", "flock", "dd", "tail", "wc", "cat", "mkfifo", "env", "grep", "sleep", "mv", "rm", "cp", "find", "chmod", "sync"];
/** Bytes below which a run is likely to fail for want of space. */
const littleSpace = 512 * 1024 * 1024;

/** Looks whether this machine can hold leases under `root`. Changes nothing. */
export async function probeLocal(root: string): Promise<ProbeResult> {
  const diagnostics = [await probeRoot(root), await probeTools(), await probeSpace(root), await probeProc()];
  const failed = diagnostics.filter((d) => !d.ok);
  return {
    ok: failed.length === 0,
    summary: failed.length === 0 ? "this machine can hold leases" : failed.map((d) => d.message).join("; "),
    diagnostics,
  };
}

async function probeRoot(root: string): Promise<Diagnostic> {
  const path = await nearest(root);
  const writable = await succeeds(access(path, constants.W_OK | constants.X_OK));
  if (writable) return { check: "root", ok: true, message: `${root} can be written to` };
  return { check: "root", ok: false, message: `${path} cannot be written to`, remedy: `give this user write permission on ${path}, or set another data directory` };
}

async function probeTools(): Promise<Diagnostic> {
  const missing: string[] = [];
  for (const tool of tools) {
    const found = await Promise.all(searchPath.split(":").map((p) => succeeds(access(join(p, tool), constants.X_OK))));
    if (!found.includes(true)) missing.push(tool);
  }
  if (missing.length === 0) return { check: "tools", ok: true, message: "all tools are there" };
  return { check: "tools", ok: false, message: `missing: ${missing.join(", ")}`, remedy: "install coreutils, util-linux, grep and findutils" };
}

async function probeSpace(root: string): Promise<Diagnostic> {
  const { bavail, bsize } = await statfs(await nearest(root));
  const free = bavail * bsize;
  const message = `${Math.floor(free / 1024 / 1024)} MiB are free under ${root}`;
  return free >= littleSpace ? { check: "space", ok: true, message } : { check: "space", ok: false, message, remedy: "make room, or set another data directory" };
}

async function probeProc(): Promise<Diagnostic> {
  const mounted = await succeeds(readFile("/proc/self/stat"));
  if (mounted) return { check: "proc", ok: true, message: "/proc is mounted" };
  return { check: "proc", ok: false, message: "/proc is not mounted", remedy: "mount -t proc proc /proc; without it no process can be told from another" };
}

/** The path itself, or the nearest directory above it that is there. */
async function nearest(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    if (at === dirname(at) || (await succeeds(lstat(at)))) return at;
  }
}

const succeeds = (attempt: Promise<unknown>): Promise<boolean> =>
  attempt.then(
    () => true,
    () => false,
  );
