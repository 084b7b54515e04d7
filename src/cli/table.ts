import cliTruncate from "cli-truncate";
import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";
import { type Column, columnWidths, gap } from "./column-widths.ts";
import { coloured, terminalWidth } from "./print.ts";

type Row = readonly string[];

/**
 * Rows under headings. On a terminal columns are made narrower until a row fits: those that say so, else the last one,
 * which is the one to read and not to copy; with `wrap` it is broken into lines instead of cut. On a terminal that is too
 * narrow even so, each row is written under the other. Elsewhere everything stays as it is.
 */
export function table(headings: readonly (string | Column)[], rows: readonly Row[], { wrap = false }: { readonly wrap?: boolean } = {}): string {
  const columns = columnsOf(headings, wrap);
  const wished = columns.map(({ name }, i) => Math.max(...[name, ...rows.map((row) => row[i] ?? "")].flatMap((cell) => cell.split("\n").map((line) => stringWidth(line)))));
  const available = terminalWidth();
  const widths = available === null ? wished : columnWidths(columns, wished, available);
  if (widths === null) return stacked(columns, rows, available ?? 0);
  const heading = columns.map(({ name }) => coloured("bold", name));
  return [heading, ...rows].map((row) => line(columns, row, widths)).join("\n");
}

function columnsOf(headings: readonly (string | Column)[], wrap: boolean): readonly Column[] {
  const columns = headings.map((heading) => (typeof heading === "string" ? { name: heading } : heading));
  const last = columns.at(-1);
  if (last === undefined || columns.some((column) => column.gives !== undefined)) return columns;
  return [...columns.slice(0, -1), { ...last, gives: 1, wrap }];
}

/** A row: as many lines of text as its highest cell. */
function line(columns: readonly Column[], row: Row, widths: readonly number[]): string {
  const cells = columns.map(({ wrap = false }, i) => linesOf(row[i] ?? "", widths[i] ?? 0, wrap));
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, at) => cells.map((lines, i) => padded(lines[at] ?? "", widths[i] ?? 0, columns[i]?.right)).join(" ".repeat(gap)).trimEnd()).join("\n");
}

const linesOf = (cell: string, width: number, wrap: boolean): readonly string[] =>
  wrap ? wrapAnsi(cell, width, { hard: true, trim: false }).split("\n") : cell.split("\n").map((text) => cliTruncate(text, width));

function padded(text: string, width: number, right = false): string {
  const room = " ".repeat(Math.max(0, width - stringWidth(text)));
  return right ? room + text : text + room;
}

/** Under the first cell, which names it, all others with their headings. */
function stacked(columns: readonly Column[], rows: readonly Row[], width: number): string {
  return rows
    .map(([first = "", ...others]) => {
      const told = others.map((cell, i) => `${coloured("dim", columns[i + 1]?.name ?? "")} ${cell.replaceAll("\n", " ")}`).join("  ");
      return `${first}\n${indented(told, 2, width)}`;
    })
    .join("\n");
}

/** Facts about one thing, a line each; those that are null are left out. */
export function facts(pairs: readonly (readonly [string, string | null])[]): string {
  const told = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== null);
  const width = Math.max(...told.map(([name]) => name.length));
  return told.map(([name, value]) => `${coloured("bold", name.padEnd(width))}${indented(value, width + gap, terminalWidth()).slice(width)}`).join("\n");
}

/** Broken into lines that stand so far from the margin, where there is a terminal to fit. */
function indented(text: string, margin: number, width: number | null): string {
  const lines = width === null ? [text] : wrapAnsi(text, Math.max(20, width - margin), { hard: true }).split("\n");
  return lines.map((one) => " ".repeat(margin) + one).join("\n");
}
