import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";
import { type Column, columnWidths, gap, type Shown } from "./column-widths.ts";
import { coloured, terminalWidth } from "./print.ts";

type Row = readonly string[];

/**
 * Rows under headings. On a terminal columns are made narrower until a row fits, and then left out: those that say so, else
 * the last one, which is the one to read and not to copy, gives way; with `wrap` it is broken into lines instead of cut. On a
 * terminal that is too narrow even so, what is in a row is written one under the other. Elsewhere everything stays as it is.
 */
export function table(headings: readonly (string | Column)[], rows: readonly Row[], { wrap = false }: { readonly wrap?: boolean } = {}): string {
  const columns = columnsOf(headings, wrap);
  const wished = columns.map(({ name }, i) => Math.max(...[name, ...rows.map((row) => row[i] ?? "")].flatMap((cell) => cell.split("\n").map((line) => stringWidth(line)))));
  const available = terminalWidth();
  const shown = available === null ? wished.map((width, at) => ({ at, width })) : columnWidths(columns, wished, available);
  if (shown === null) return stacked(columns, rows, available ?? 0);
  const heading = columns.map(({ name }) => coloured("bold", name));
  return [heading, ...rows].map((row) => line(columns, row, shown)).join("\n");
}

function columnsOf(headings: readonly (string | Column)[], wrap: boolean): readonly Column[] {
  const columns = headings.map((heading) => (typeof heading === "string" ? { name: heading } : heading));
  const last = columns.at(-1);
  if (last === undefined || columns.some((column) => column.gives !== undefined)) return columns;
  return [...columns.slice(0, -1), { ...last, gives: 1, wrap }];
}

/** A row: as many lines of text as its highest cell. */
function line(columns: readonly Column[], row: Row, shown: readonly Shown[]): string {
  const cells = shown.map(({ at, width }) => ({ width, right: columns[at]?.right, lines: linesOf(row[at] ?? "", width, columns[at]?.wrap) }));
  const height = Math.max(...cells.map(({ lines }) => lines.length));
  return Array.from({ length: height }, (_, i) => cells.map(({ lines, width, right }) => padded(lines[i] ?? "", width, right)).join(" ".repeat(gap)).trimEnd()).join("\n");
}

const linesOf = (cell: string, width: number, wrap = false): readonly string[] =>
  wrap ? wrapAnsi(cell, width, { hard: true }).split("\n") : cell.split("\n").map((text) => cut(text, width));

function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  const [begin = ""] = wrapAnsi(text, Math.max(1, width - 1), { hard: true, wordWrap: false, trim: false }).split("\n");
  return `${begin}…`;
}

function padded(text: string, width: number, right = false): string {
  const room = " ".repeat(Math.max(0, width - stringWidth(text)));
  return right ? room + text : text + room;
}

/** Under the first cell, which names it, all others with their headings. */
function stacked(columns: readonly Column[], rows: readonly Row[], width: number): string {
  return rows
    .map(([first = "", ...others]) => {
      // A space that no line is broken at.
      const told = others
        .flatMap((cell, i) => (cell === "" ? [] : [`${coloured("dim", columns[i + 1]?.name ?? "")}\u00a0${cell.replaceAll("\n", " ")}`]))
        .join("  ");
      return `${coloured("bold", indented(first, 0, width))}\n${indented(told, 2, width)}`;
    })
    .join("\n");
}

/** Facts about one thing, a line each; those that are null are left out. */
export function facts(pairs: readonly (readonly [string, string | null])[]): string {
  const told = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== null);
  const width = Math.max(...told.map(([name]) => name.length));
  return told.map(([name, value]) => `${coloured("bold", name.padEnd(width))}${indented(value, width + gap, terminalWidth()).slice(width)}`).join("\n");
}

/** A text of some length, broken into lines where there is a terminal to fit. */
export const prose = (text: string): string => indented(text, 0, terminalWidth());

/** Broken into lines that stand so far from the margin, where there is a terminal to fit. */
function indented(text: string, margin: number, width: number | null): string {
  const lines = width === null ? [text] : wrapAnsi(text, Math.max(20, width - margin), { hard: true }).split("\n");
  return lines.map((one) => " ".repeat(margin) + one).join("\n");
}
