import { text } from "node:stream/consumers";
import { CliError } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { note } from "./print.ts";

/**
 * A secret's value: what comes on stdin, exactly, or what is typed at a terminal, without showing it. Never an argument, which
 * everybody on the machine can read.
 */
export async function secretValue(name: string): Promise<string> {
  const value = process.stdin.isTTY ? await typed(`Value of ${name}: `) : await text(process.stdin);
  if (value === "") throw new CliError(exitCodes.usage, "no value came: give it on stdin, or type it when asked");
  if (!process.stdin.isTTY && value.endsWith("\n")) note("Note: the value ends with a newline, which belongs to it. `printf %s` gives none.");
  return value;
}

/** Asks for a line at the terminal, without echo. Ends as Ctrl-C does when that is pressed. */
async function typed(question: string): Promise<string> {
  const { stdin, stderr } = process;
  // First, so that not even what is typed at once is shown.
  stdin.setRawMode(true);
  stderr.write(question);
  let line = "";
  try {
    stdin.setEncoding("utf8");
    for await (const piece of stdin as AsyncIterable<string>) {
      for (const key of piece) {
        if (key === "\r" || key === "\n" || key === "\u0004") return line;
        if (key === "\u0003") throw new CliError(exitCodes.cancelled, "nothing was changed");
        // Backspace, and what takes the whole line away.
        if (key === "\u007f" || key === "\b") line = line.slice(0, /[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(line) ? -2 : -1);
        else if (key === "\u0015") line = "";
        else line += key;
      }
    }
    return line;
  } finally {
    stdin.setRawMode(false);
    stderr.write("\n");
  }
}
