import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageDirectory } from "../../../src/package-directory.ts";

/** A process of the fleet that is started again whenever it ends. */
export interface Member {
  readonly name: string;
  readonly role: "api" | "worker" | "reaper";
  readonly pid: number | undefined;
  readonly starts: number;
  /** Since when the process that is there now is ready (`performance.now`); null before. */
  readonly readySince: number | null;
  /** Ended on its own: neither told to nor killed by us. */
  readonly crashes: readonly string[];
  /** Resolves when the process that is there now, or the next one, has said that it is ready. */
  ready(): Promise<void>;
  signal(signal: NodeJS.Signals): boolean;
  /** Ends it and does not start it again. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

export interface MemberOptions {
  readonly name: string;
  readonly role: Member["role"];
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Where it works: whoever ends what works below the fleet's directory ends it too. */
  readonly cwd: string;
  readonly logDir: string;
  /** Milliseconds until a process that ended is followed by the next. */
  readonly restartAfter: () => number;
}

/** The built program, from the sources and from what is built of them. */
const main = join(packageDirectory(), "dist/bin/leasehold.js");

export function keepMember(options: MemberOptions): Member {
  const { name, role } = options;
  let child: ChildProcess | null = null;
  let ending = false;
  let starts = 0;
  let told = false;
  let readySince: number | null = null;
  let again: NodeJS.Timeout | undefined;
  const crashes: string[] = [];
  let ready = deferred();
  const gone = deferred();

  const start = (): void => {
    starts += 1;
    told = false;
    const log = openSync(join(options.logDir, `${name}.log`), "a", 0o600);
    const next = fork(main, options.args, { env: options.env, cwd: options.cwd, detached: true, stdio: ["ignore", log, log, "ipc"] });
    closeSync(log);
    child = next;
    next.on("message", (news: Record<string, unknown>) => {
      // One that cannot start says so too, and is started again.
      if (news["ready"] !== true) return;
      readySince = performance.now();
      ready.resolve();
    });
    next.once("error", (error) => crashes.push(`${name}: ${error.message}`));
    next.once("exit", (code, signal) => {
      child = null;
      readySince = null;
      if (!told && !ending) crashes.push(`${name} ended by itself with ${code ?? signal}: ${lastWords(join(options.logDir, `${name}.log`))}`);
      ready = deferred();
      if (ending) return gone.resolve();
      again = setTimeout(start, options.restartAfter());
    });
  };
  start();

  const signal = (which: NodeJS.Signals): boolean => {
    if (child?.pid === undefined) return false;
    if (which === "SIGKILL" || which === "SIGTERM") told = true;
    return child.kill(which);
  };
  return {
    name,
    role,
    get pid() {
      return child?.pid;
    },
    get readySince() {
      return readySince;
    },
    get starts() {
      return starts;
    },
    crashes,
    ready: () => ready.promise,
    signal,
    end: async (which) => {
      ending = true;
      clearTimeout(again);
      if (child === null) return;
      signal("SIGCONT");
      signal(which);
      const late = setTimeout(() => signal("SIGKILL"), 30_000);
      await gone.promise;
      clearTimeout(late);
    },
  };
}

/** The end of a log, on one line: why a process ended by itself stands there. */
const lastWords = (file: string): string => readFileSync(file, "utf8").slice(-600).replaceAll(/\s+/g, " ").trim();

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
}

function deferred(): Deferred {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
