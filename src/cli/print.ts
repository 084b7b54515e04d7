import type { Writable } from "node:stream";
import type { WriteStream } from "node:tty";
import { styleText } from "node:util";

/**
 * What people and scripts get to see: the only user of stdout and stderr. Answers go to stdout, everything about how it goes
 * to stderr. Colours only on a terminal that has them, unless NO_COLOR or FORCE_COLOR say otherwise.
 */

type Colour = "bold" | "dim" | "red" | "green" | "yellow";

const how = { colours: true, json: false };

/** From here on nothing is coloured. */
export const withoutColours = (): void => void (how.colours = false);

/** From here on a program reads us: what goes to stderr is JSON too, an object a line. */
export const forProgram = (): void => void (how.json = true);

/** `text` in a colour, for the stream it goes to. */
export const coloured = (colour: Colour, text: string, stream: WriteStream = process.stdout): string =>
  // `styleText` knows about NO_COLOR, FORCE_COLOR and TERM.
  how.colours ? styleText(colour, text, { stream, validateStream: true }) : text;

/** Columns of the terminal; null where stdout is none, or one that does not know. */
export const terminalWidth = (): number | null => (process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : null);

export const isTerminal = (stream: "stdout" | "stderr"): boolean => process[stream].isTTY;

/** An answer, a line of text. */
export const answer = (line: string): void => {
  clearProgress();
  process.stdout.write(`${line}\n`);
};

/** An answer for programs: one JSON value on a line of its own. */
export const answerJson = (value: unknown): void => answer(JSON.stringify(value));

const tell = (line: string): void => {
  clearProgress();
  process.stderr.write(`${line}\n`);
};

/** Something to know, on stderr. */
export const note = (line: string): void => tell(how.json ? JSON.stringify({ type: "note", message: line }) : line);

/** Something that is not as it should be, and what to do. */
export const complain = (line: string): void => tell(how.json ? JSON.stringify({ type: "warning", message: line }) : named(line));

/** Why we end without having done what was asked: a line or two for people, a problem document for programs. */
export const fail = (message: string, problem: object): void => tell(how.json ? JSON.stringify(problem) : named(message));

const named = (line: string): string => `${coloured("red", "leasehold:", process.stderr)} ${line}`;

let progressShown = false;

/** One line on a terminal's stderr that the next thing printed takes the place of. Nothing elsewhere. */
export function progress(line: string): void {
  if (!process.stderr.isTTY || how.json) return;
  clearProgress();
  // A line that wraps could not be taken back.
  process.stderr.write(coloured("dim", cut(line, Math.max(20, process.stderr.columns) - 1), process.stderr));
  progressShown = true;
}

/** At most so many columns: rather cut too early than too late. No character takes more than two. */
function cut(line: string, columns: number): string {
  let left = columns;
  let end = 0;
  for (const character of line) {
    left -= character > "\u02ff" ? 2 : 1;
    if (left < 0) return line.slice(0, end);
    end += character.length;
  }
  return line;
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
