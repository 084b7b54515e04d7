import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";

const main = resolve(import.meta.dirname, "../../dist/bin/leasehold.js");

/** How it ended, and what there was to see on the terminal, control characters included. */
export interface Shown {
  readonly code: number | null;
  readonly lines: readonly string[];
}

/** What the command line shows on a terminal of so many columns, line by line. */
export const onTerminal = (args: readonly string[], columns: number, env: Record<string, string> = {}): Promise<Shown> => shown(terminal(args, columns, env, "ignore"), () => {});

/** The same where somebody types, once the question is there to see. */
export async function atQuestion(args: readonly string[], question: string, keys: string, env: Record<string, string> = {}): Promise<Shown> {
  const child = terminal(args, 80, env, "pipe");
  let typed = false;
  const result = await shown(child, (text) => {
    if (typed || !text.includes(question)) return;
    typed = true;
    child.stdin?.write(keys);
  });
  child.stdin?.destroy();
  return result;
}

/** The command line on a terminal, which `script` gives it. */
function terminal(args: readonly string[], columns: number, env: Record<string, string>, stdin: "ignore" | "pipe"): ChildProcess {
  const quoted = [process.execPath, main, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  return spawn("script", ["-qefc", `stty cols ${columns} rows 40; exec ${quoted}`, "/dev/null"], {
    env: { PATH: process.env["PATH"] ?? "", TERM: "xterm-256color", LEASEHOLD_CONFIG: "/dev/null", ...env },
    stdio: [stdin, "pipe", "inherit"],
  });
}

async function shown(child: ChildProcess, look: (text: string) => void): Promise<Shown> {
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
    look(text);
  });
  const code = await new Promise<number | null>((settle) => child.once("close", settle));
  return { code, lines: text.replace(/\r?\n$/, "").split(/\r?\n/) };
}
