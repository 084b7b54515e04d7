import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";
import { coloured, terminalWidth } from "./print.ts";

const bare = { top: "", "top-mid": "", "top-left": "", "top-right": "", bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "", left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  " };
const gap = 2;
/** The last column is not made narrower than this. */
const narrowest = 8;

/**
 * Rows under headings. On a terminal the last column, which is the one to read and not to copy, is cut until a row fits, or
 * broken into lines with `wrap`; elsewhere it stays as it is.
 */
export function table(headings: readonly string[], rows: readonly (readonly string[])[], { wrap = false }: { readonly wrap?: boolean } = {}): string {
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.flatMap((row) => stripVTControlCharacters(row[i] ?? "").split("\n").map((line) => line.length))));
  const wanted = terminalWidth();
  if (wanted !== null) {
    const others = widths.slice(0, -1).reduce((sum, width) => sum + width + gap, 0);
    widths.push(Math.min(widths.pop() ?? 0, Math.max(narrowest, wanted - others)));
  }
  const made = new Table({ chars: bare, colWidths: widths, wordWrap: wrap, style: { "padding-left": 0, "padding-right": 0, head: [], border: [] } });
  made.push(headings.map((heading) => coloured("bold", heading)), ...rows.map((row) => [...row]));
  return made.toString().replace(/ +$/gm, "");
}

/** Facts about one thing, a line each; those that are null are left out. */
export function facts(pairs: readonly (readonly [string, string | null])[]): string {
  const told = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== null);
  const width = Math.max(...told.map(([name]) => name.length));
  return told.map(([name, value]) => `${coloured("bold", name.padEnd(width))}  ${value}`).join("\n");
}
