import type { LocalFleet } from "../src/app/up/fleet.ts";

export interface Figure {
  readonly what: string;
  readonly measured: string;
  /** The same work without Leasehold, measured in the same run. */
  readonly raw?: string;
  /** Leasehold to raw, so that above 1 is slower for times and faster for rates. */
  readonly ratio?: number;
}

export type Bench = (fleet: LocalFleet) => Promise<readonly Figure[]>;

/** The p-th percentile (0 to 1) of some numbers. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;
}

export const ms = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`;

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
