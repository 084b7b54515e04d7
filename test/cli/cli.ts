import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const main = resolve(import.meta.dirname, "../../dist/bin/leasehold.js");
/** No fleet was ever here. */
const noDataDir = join(tmpdir(), `leasehold-cli-none-${process.pid}`);

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  /** Settles when `text` has been seen on that stream. */
  seen(stream: "stdout" | "stderr", text: string): Promise<void>;
}

/** Starts the built command line in an environment that has only what is given. */
export function start(args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [main, ...args], { env: { PATH: process.env["PATH"] ?? "", LEASEHOLD_DATA_DIR: noDataDir, LEASEHOLD_CONFIG: "/dev/null", ...env } });
  const text = { stdout: "", stderr: "" };
  const looks = new Set<() => void>();
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].on("data", (piece: Buffer) => {
      text[stream] += piece.toString("latin1");
      for (const look of looks) look();
    });
  }
  const ended = new Promise<Ended>((settle) => child.once("close", (code) => settle({ code, ...text })));
  return {
    child,
    ended,
    seen: (stream, wanted) =>
      new Promise((settle, reject) => {
        const look = (): void => {
          if (text[stream].includes(wanted)) settle();
        };
        looks.add(look);
        look();
        void ended.then((end) => reject(new Error(`ended without ${wanted}: ${JSON.stringify(end)}`)));
      }),
  };
}

/** Runs the command line to its end, with nothing on its stdin. */
export function leasehold(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const running = start(args, env);
  running.child.stdin.end();
  return running.ended;
}
