import { fork } from "node:child_process";
import { join } from "node:path";
import { childEnvironment, type Config } from "../../../src/config.ts";
import { packageDirectory } from "../../../src/package-directory.ts";

const entry = join(packageDirectory(), "dist/test/bin/mortal.js");

export interface Orders {
  /** Lines of effects that have a name, as regular expressions; the first that fits is meant. */
  readonly known: readonly string[];
  /** Where to die, and after which line that begins to count. Without it, it lives. */
  readonly die?: { readonly which: number; readonly nth: number; readonly when: "before" | "after"; readonly since?: number };
  /** What takes three and a half seconds longer than it would. */
  readonly slow?: string;
  readonly tellAll?: true;
}

/** A process of the fleet whose death is planned. */
export interface Mortal {
  /** Its pid, by which what it did is told apart in the rows. */
  readonly pid: number;
  /** How it ended: SIGKILL when it came to its point. */
  readonly gone: Promise<NodeJS.Signals | null>;
  /** Where an API answers. Settles when it is ready or gone. */
  readonly ready: Promise<string | undefined>;
  /** Effects that no row of the table names. */
  readonly unknown: readonly string[];
  readonly lines: readonly string[];
  signal(signal: NodeJS.Signals): void;
}

export function startMortal(config: Config, args: readonly string[], orders: Orders): Mortal {
  const child = fork(entry, args, { env: childEnvironment(config, { PATH: process.env["PATH"] }), stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const unknown: string[] = [];
  const lines: string[] = [];
  const gone = new Promise<NodeJS.Signals | null>((resolve) => child.once("exit", (_code, signal) => resolve(signal)));
  const ready = new Promise<string | undefined>((resolve) => {
    child.on("message", (news: { ready?: true; url?: string; unknown?: string; line?: string }) => {
      if (news.unknown !== undefined) unknown.push(news.unknown);
      if (news.line !== undefined) lines.push(news.line);
      if (news.ready === true) resolve(news.url);
    });
    void gone.then(() => resolve(undefined));
  });
  child.send(orders);
  return { pid: child.pid ?? 0, gone, ready, unknown, lines, signal: (signal) => void child.kill(signal) };
}
