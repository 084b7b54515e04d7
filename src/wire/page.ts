import { z } from "zod";

export interface Page<T> {
  readonly items: readonly T[];
  /** Give it as `cursor` for the next page; null when this is the last one. */
  readonly next: string | null;
}

/** One page of a listing. */
export const pageOf = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), next: z.string().nullable().meta({ description: "Give it as `cursor` for the next page; null when this is the last one" }) });
