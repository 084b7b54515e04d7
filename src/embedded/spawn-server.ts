import { spawn } from "node:child_process";
import { open, rename, stat } from "node:fs/promises";
import { logBytes } from "./timing.ts";
import { identify } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";

export interface Launch {
  command: readonly [string, ...string[]];
  /** The data directory. `processesIn` finds the server by it, from its first instruction on. */
  directory: string;
  /** The whole environment: a server gets nothing of ours, which may hold secrets. */
  env: NodeJS.ProcessEnv;
  logFile: string;
}

export interface Launched {
  /** Undefined when the process ended before it could be looked at. */
  process: ProcessIdentity | undefined;
  /** Whether the process has ended, or could not be started at all. */
  ended(): boolean;
  /** What it has written to its log since this start, at most the last 2000 characters. */
  said(): Promise<string>;
}

/**
 * Starts a server in a session of its own: a Ctrl-C at our terminal does not reach it, and it outlives us.
 * It does not keep this process alive either.
 */
export async function spawnServer(launch: Launch): Promise<Launched> {
  await rotate(launch.logFile);
  const log = await open(launch.logFile, "a", 0o600);
  try {
    const { size } = await log.stat();
    const [file, ...args] = launch.command;
    const child = spawn(file, args, {
      cwd: launch.directory,
      env: launch.env,
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    let failure: Error | undefined;
    child.once("error", (error) => (failure = error));
    child.unref();
    return {
      process: child.pid === undefined ? undefined : identify(child.pid),
      ended: () => failure !== undefined || child.exitCode !== null || child.signalCode !== null,
      said: async () => failure?.message ?? (await readFrom(launch.logFile, size)),
    };
  } finally {
    await log.close();
  }
}

async function rotate(logFile: string): Promise<void> {
  const size = await stat(logFile).then(
    (facts) => facts.size,
    () => 0,
  );
  if (size > logBytes) await rename(logFile, `${logFile}.1`);
}

async function readFrom(path: string, start: number): Promise<string> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const from = Math.max(start, size - 2000);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(Math.max(1, size - from)), position: from });
    return buffer.toString("utf8", 0, bytesRead).trim();
  } finally {
    await file.close();
  }
}
