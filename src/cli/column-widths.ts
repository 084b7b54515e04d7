/** A column of a table. */
export interface Column {
  readonly name: string;
  /** Whether it is of use when it is narrower than what stands in it; of several, the one with the lowest number gives way first. */
  readonly gives?: number;
  /** It is not made narrower than this. */
  readonly least?: number;
  /** What does not fit is broken into lines, not cut. */
  readonly wrap?: boolean;
  /** For numbers: they stand under each other at the right. */
  readonly right?: boolean;
}

/** Between two columns. */
export const gap = 2;
const usualLeast = 8;

/**
 * How wide each column is to be so that all fit into `available`. Null when they cannot, even as narrow as they may be.
 * `wished` is the width of the widest cell of each.
 */
export function columnWidths(columns: readonly Column[], wished: readonly number[], available: number): number[] | null {
  const widths = [...wished];
  let over = widths.reduce((sum, width) => sum + width + gap, -gap) - available;
  const giving = columns.flatMap(({ gives, least = usualLeast }, at) => (gives === undefined ? [] : [{ at, gives, least }]));
  for (const { at, least } of giving.toSorted((a, b) => a.gives - b.gives)) {
    if (over <= 0) break;
    const width = widths[at] ?? 0;
    const less = Math.min(over, Math.max(0, width - least));
    widths[at] = width - less;
    over -= less;
  }
  return over <= 0 ? widths : null;
}
