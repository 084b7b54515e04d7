import { z } from "zod";

/** What a look at a place says. It travels through Redis, so whoever reads it checks its shape. */
export const probeAnswer = z.object({
  /** Whether the place can be used. */
  ok: z.boolean(),
  /** The same in a sentence. */
  summary: z.string(),
  diagnostics: z.array(
    z.object({
      check: z.string(),
      ok: z.boolean(),
      message: z.string(),
      /** What to do about it; there whenever `ok` is false. */
      remedy: z.string().optional(),
    }),
  ),
  /** Name of the machine whose worker looked. */
  host: z.string(),
  /** Milliseconds that the look took. */
  tookMs: z.number(),
});
export type ProbeAnswer = z.output<typeof probeAnswer>;

/** What a worker says to whoever asked: what it saw, or why it could not look. */
export const probeReply = z.union([z.strictObject({ answer: probeAnswer }), z.strictObject({ fault: z.string() })]);
export type ProbeReply = z.output<typeof probeReply>;

export interface ProbeQuestion {
  readonly backend: string;
  /** The environment's config, saved or not. References instead of secrets. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Whose secrets it refers to; left out when it refers to none. */
  readonly companyId?: string;
  /** Milliseconds from now by which a worker must have looked; `timing.probe` when not given. */
  readonly withinMs?: number;
  /** Fires when nobody wants the answer any more. */
  readonly signal?: AbortSignal;
}

/** Asks the living workers of a backend to look at a place. */
export interface Probes {
  /** Throws `transient` `probe_failed` when nobody could look in time, and `cancelled` when `signal` fires. */
  ask(question: ProbeQuestion): Promise<ProbeAnswer>;
}
