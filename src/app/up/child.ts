import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { timing } from "../../domain/defaults.ts";
import { refused } from "../../domain/errors.ts";
import { packageDirectory } from "../../package-directory.ts";

/** A process of the fleet that `up` keeps running. */
export interface FleetChild {
  readonly name: string;
  readonly pid: number | undefined;
  /** What it said when it was ready, the first time. */
  readonly ready: Promise<Record<string, unknown>>;
  /** Has it stop in its own time, and ends it when it takes too long; settles when it is gone. */
  stop(): Promise<void>;
  /** Ends it at once: what it worked on is taken over when its claims lapse. */
  kill(): Promise<void>;
}

export interface ChildOptions {
  readonly name: string;
  /** Arguments of `leasehold`. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logDir: string;
  readonly log: Logger;
}

const main = join(packageDirectory(), "dist/bin/leasehold.js");
const logMax = 16 * 1024 * 1024;

/**
 * Starts `leasehold <args>` and keeps it running: one that dies is started again, after 100 ms at first, then up to 5 s. It
 * has a process group of its own, so that Ctrl-C reaches only `up`; if `up` dies, the closed channel ends it.
 */
export function keepChild(options: ChildOptions): FleetChild {
  const { name, log } = options;
  let child: ChildProcess | null = null;
  let stopping = false;
  let deaths = 0;
  let again: NodeJS.Timeout | undefined;
  let gone: () => void = () => {};
  const left = new Promise<void>((resolve) => {
    gone = resolve;
  });
  let sayReady: (news: Record<string, unknown>) => void = () => {};
  let failed: (error: Error) => void = () => {};
  const ready = new Promise<Record<string, unknown>>((resolve, reject) => {
    sayReady = resolve;
    failed = reject;
  });
  // A start that fails is told by whoever awaits `ready`; nobody may be awaiting it when it does.
  ready.catch(() => {});

  const ended = (how: Record<string, unknown>): void => {
    child = null;
    if (stopping) return gone();
    deaths += 1;
    log.warn(how, `${name} ended; starting it again`);
    again = setTimeout(start, Math.min(100 * 2 ** (deaths - 1), 5000));
  };
  const start = (): void => {
    try {
      child = forkChild(options);
    } catch (err) {
      ended({ err });
      return;
    }
    child.on("message", (message: Record<string, unknown>) => {
      if (typeof message["failed"] === "string") return failed(refused("fleet_not_started", `${name} cannot start: ${message["failed"]}`));
      deaths = 0;
      sayReady(message);
    });
    child.once("error", (err) => log.warn({ err }, name));
    child.once("exit", (code, signal) => ended({ code, signal }));
  };
  start();

  const signal = (which: NodeJS.Signals): void => {
    stopping = true;
    clearTimeout(again);
    if (child === null) gone();
    else child.kill(which);
  };
  return {
    name,
    get pid() {
      return child?.pid;
    },
    ready,
    stop: async () => {
      if (stopping) return left;
      signal("SIGTERM");
      const late = setTimeout(() => signal("SIGKILL"), 2 * timing.shutdown);
      await left;
      clearTimeout(late);
    },
    kill: async () => {
      signal("SIGKILL");
      await left;
    },
  };
}

/** Starts the process, its log appended to its file. Throws when the system cannot. */
function forkChild({ name, args, env, logDir }: ChildOptions): ChildProcess {
  const out = openSync(rotated(join(logDir, `${name}.log`)), "a", 0o600);
  try {
    return fork(main, args, { env, detached: true, stdio: ["ignore", out, out, "ipc"] });
  } finally {
    closeSync(out);
  }
}

/** The log's path, its old content set aside when it has become large. */
function rotated(path: string): string {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logMax) renameSync(path, `${path}.1`);
  return path;
}
