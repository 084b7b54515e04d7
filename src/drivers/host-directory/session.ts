import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { access } from "node:fs/promises";
import { inheritedDescriptors } from "./inherited-descriptors.ts";
import { once } from "node:events";
import { cancelled, gone, transient } from "../../domain/errors.ts";
import type { Places, RawProcess, Session } from "../../session/session.ts";
import { errnoOf } from "./errno.ts";
import { placesIn } from "./places.ts";

/** Where our helpers find programs, and commands unless the driver was told another path. */
export const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Processes of this machine, in a lease's directory. Commands are called like our helpers unless an enclosure is laid around them. */
export function hostSession(directory: string, command: Partial<Pick<Session, "env" | "seen" | "enclosure">> = {}): Session {
  const places: Places = placesIn(directory);
  return {
    places,
    seen: places,
    env: { PATH: searchPath },
    enclosure: null,
    executions: null,
    ...command,
    async open(argv, signal) {
      // With the dot a file is not taken for it: what a release leaves under the lease's name is one.
      await access(`${directory}/.`).catch((error: unknown) => {
        if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") {
          throw gone("lease_gone", "the lease's directory is not there any more", { cause: error });
        }
        throw transient("lease_unreachable", "the lease's directory cannot be read", { cause: error });
      });
      return await start(argv, signal);
    },
  };
}

async function start([program = "", ...args]: readonly string[], signal: AbortSignal | undefined): Promise<RawProcess> {
  if (signal?.aborted === true) throw cancelled("call_cancelled", "nobody wants the answer any more");
  // Detached: a process group of its own, which a Ctrl-C at the worker's terminal does not reach.
  const child = spawn(program, args, { cwd: "/", env: { PATH: searchPath }, detached: true, stdio: ["pipe", "pipe", "pipe", ...inheritedDescriptors()] }) as ChildProcessWithoutNullStreams;
  const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("close", (code, by) => resolve({ code, signal: by }));
  });
  try {
    await once(child, "spawn");
  } catch (error) {
    throw transient("process_not_started", `this machine could not start ${program}`, { cause: error });
  }
  child.on("error", () => {});
  const end = (): void => void child.kill("SIGTERM");
  signal?.addEventListener("abort", end, { once: true });
  void exit.then(() => signal?.removeEventListener("abort", end));
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exit, end };
}
