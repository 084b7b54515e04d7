import { spawn } from "node:child_process";
import { resolve } from "node:path";

const main = resolve(import.meta.dirname, "../../dist/bin/leasehold.js");

/** What the command line shows on a terminal of so many columns, line by line, control characters included. */
export async function onTerminal(args: readonly string[], columns: number, env: Record<string, string> = {}): Promise<{ readonly code: number | null; readonly lines: readonly string[] }> {
  const quoted = [process.execPath, main, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  // `script` gives it a terminal.
  const child = spawn("script", ["-qefc", `stty cols ${columns} rows 40; exec ${quoted}`, "/dev/null"], {
    env: { PATH: process.env["PATH"] ?? "", TERM: "xterm-256color", LEASEHOLD_CONFIG: "/dev/null", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  const code = await new Promise<number | null>((settle) => child.once("close", settle));
  return { code, lines: text.replace(/\r?\n$/, "").split(/\r?\n/) };
}
