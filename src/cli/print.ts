import type { Writable } from "node:stream";
import type { WriteStream } from "node:tty";

/**
 * What people and scripts get to see: the only user of stdout and stderr. Answers go to stdout, everything about how it goes
 * to stderr. Colours only on a terminal that has them and where NO_COLOR does not forbid it.
 */

type Colour = "bold" | "dim" | "red" | "green" | "yellow";
const codes: { readonly [C in Colour]: readonly [number, number] } = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] };

/** `text` in a colour, for the stream it goes to. */
export function coloured(colour: Colour, text: string, stream: WriteStream = process.stdout): string {
  // `hasColors` knows about NO_COLOR, FORCE_COLOR and TERM.
  if (!stream.isTTY || !stream.hasColors()) return text;
  const [on, off] = codes[colour];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

/** Columns of the terminal; null where stdout is none, or one that does not know. */
export const terminalWidth = (): number | null => (process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : null);

export const isTerminal = (stream: "stdout" | "stderr"): boolean => process[stream].isTTY;

/** An answer, a line of text. */
export const answer = (line: string): void => void process.stdout.write(`${line}\n`);

/** An answer for programs: one JSON value on a line of its own. */
export const answerJson = (value: unknown): void => answer(JSON.stringify(value));

/** Something to know, on stderr. */
export const note = (line: string): void => {
  clearProgress();
  process.stderr.write(`${line}\n`);
};

/** What went wrong, and what to do. */
export const complain = (line: string): void => note(`${coloured("red", "leasehold:", process.stderr)} ${line}`);

let progressShown = false;

/** One line on a terminal's stderr that the next thing printed takes the place of. Nothing elsewhere. */
export function progress(line: string): void {
  if (!process.stderr.isTTY) return;
  clearProgress();
  process.stderr.write(coloured("dim", line.slice(0, Math.max(20, process.stderr.columns) - 1), process.stderr));
  progressShown = true;
}

export function clearProgress(): void {
  if (!progressShown) return;
  progressShown = false;
  process.stderr.write("\r\u001b[K");
}

/** Exact bytes; settles when the stream can take more, so that a slow reader slows the sender. Rejects when nobody reads any more. */
export function writeBytes(name: "stdout" | "stderr", bytes: Uint8Array): Promise<void> {
  clearProgress();
  const stream: Writable = process[name];
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error == null ? resolve() : reject(error)));
  });
}

/** A closed stdout or stderr is found out by the next write, not by a crash. */
export function surviveClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}
