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
  /** Whether the table may do without it where there is no room; the one with the lowest number goes first. */
  readonly optional?: number;
}

/** Between two columns. */
export const gap = 2;
const usualLeast = 8;

/** A column that is shown: which one, and how wide. */
export interface Shown {
  readonly at: number;
  readonly width: number;
}

/**
 * Which columns are shown, and how wide, so that all fit into `available`: narrower ones before fewer. Null when they do not
 * fit however narrow and few they are. `wished` is the width of the widest cell of each.
 */
export function columnWidths(columns: readonly Column[], wished: readonly number[], available: number): readonly Shown[] | null {
  const optional = columns.flatMap(({ optional: order }, at) => (order === undefined ? [] : [{ at, order }])).toSorted((a, b) => a.order - b.order);
  for (let without = 0; without <= optional.length; without++) {
    const left = new Set(optional.slice(0, without).map(({ at }) => at));
    const fitting = narrowed(columns, columns.flatMap((_, at) => (left.has(at) ? [] : [{ at, width: wished[at] ?? 0 }])), available);
    if (fitting !== null) return fitting;
  }
  return null;
}

function narrowed(columns: readonly Column[], shown: readonly Shown[], available: number): readonly Shown[] | null {
  let over = shown.reduce((sum, { width }) => sum + width + gap, -gap) - available;
  const widths = new Map(shown.map(({ at, width }) => [at, width]));
  const giving = shown.flatMap(({ at, width }) => {
    const { gives, least = usualLeast } = columns[at] ?? { name: "" };
    return gives === undefined ? [] : [{ at, gives, spare: Math.max(0, width - least) }];
  });
  for (const { at, spare } of giving.toSorted((a, b) => a.gives - b.gives)) {
    const less = Math.min(Math.max(0, over), spare);
    widths.set(at, (widths.get(at) ?? 0) - less);
    over -= less;
  }
  return over > 0 ? null : shown.map(({ at }) => ({ at, width: widths.get(at) ?? 0 }));
}
