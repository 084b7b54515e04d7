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

const units = [["d", 86_400], ["h", 3600], ["m", 60], ["s", 1]] as const;

/** How long ago, for a listing: in its largest unit only, like `12m ago`. */
export function sayAgo(iso: string): string {
  const s = (Date.now() - Date.parse(iso)) / 1000;
  const unit = units.find(([, seconds]) => s >= seconds);
  return unit === undefined ? "now" : `${Math.floor(s / unit[1])}${unit[0]} ago`;
}

/** A command as one would type it. */
export const sayCommand = (argv: readonly string[]): string => argv.map((a) => (/^[\w@%+=:,./-]+$/.test(a) ? a : `'${printable(a).replaceAll("'", `'\\''`)}'`)).join(" ");

/** Text from elsewhere, without what could move the cursor or change the terminal. What joins emoji may stay. */
export const printable = (text: string): string => text.replace(/(?!\u200d)\p{C}/gu, (c) => (c === "\n" ? "⏎" : "·"));

const colours = {
  green: new Set(["succeeded", "active", "alive", "ok", "executing"]),
  red: new Set(["failed", "lost", "stuck", "timed_out", "silent", "not_started"]),
  yellow: new Set(["draining", "retained", "warning", "cancelled", "lease_ended"]),
  dim: new Set(["released", "expired", "archived", "skipped"]),
} as const;

/** A state in its colour. */
export function sayState(state: string): string {
  const colour = (Object.keys(colours) as (keyof typeof colours)[]).find((one) => colours[one].has(state));
  return colour === undefined ? state : coloured(colour, state);
}
