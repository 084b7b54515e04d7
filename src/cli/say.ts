import { coloured } from "./print.ts";

/** Milliseconds as people say them: `30ms`, `1.5s`, `12s`, `4m 10s`, `2h 5m`, `3d 4h`. */
export function saySpan(ms: number): string {
  const s = ms / 1000;
  if (s < 1) return `${Math.round(ms)}ms`;
  if (s < 10) return `${s.toFixed(1)}s`;
  if (s < 60) return `${Math.round(s)}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${Math.floor(s % 60)}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${Math.floor((s % 3600) / 60)}m`;
  return `${Math.floor(s / 86_400)}d ${Math.floor((s % 86_400) / 3600)}h`;
}

/** How long ago, for a listing. */
export const sayAgo = (iso: string): string => `${saySpan(Math.max(0, Date.now() - Date.parse(iso)))} ago`;

/** A command as one would type it. */
export const sayCommand = (argv: readonly string[]): string => argv.map((a) => (/^[\w@%+=:,./-]+$/.test(a) ? a : `'${printable(a).replaceAll("'", `'\\''`)}'`)).join(" ");

/** Text from elsewhere, without what could move the cursor or change the terminal. */
export const printable = (text: string): string => text.replace(/\p{C}/gu, (c) => (c === "\n" ? "⏎" : "·"));

const good = new Set(["succeeded", "released", "active", "alive"]);
const bad = new Set(["failed", "lost", "stuck", "timed_out", "silent"]);

/** A state in its colour. */
export const sayState = (state: string): string => (good.has(state) ? coloured("green", state) : bad.has(state) ? coloured("red", state) : state);
