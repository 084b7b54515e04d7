import type { StreamName } from "./execution.ts";

/** A step of a run on a backend's queue, named by the row it is about. */
export interface StepBell {
  readonly verb: "realize" | "execute" | "release";
  readonly backend: string;
  /** The host the lease is bound to, or null where any worker can do it. */
  readonly host: string | null;
  /** The run (realize), execution (execute) or lease (release). */
  readonly id: string;
  /** Number of the attempt, so that a bell rung for a later one is not taken for an old one. */
  readonly offer: number;
}

export interface AcquireBell {
  readonly verb: "acquire";
  readonly backend: string;
  readonly host: string | null;
  /** What caused it, so that two causes ring twice. */
  readonly cause: string;
}

/** The cause of the first bell of every run. */
export const acceptedCause = "accepted";

/**
 * The cause of the bell of a run that has come to be among the oldest of its company's. Another one, so that the bell that
 * may still wait far behind does not keep it from being rung at its place.
 */
export const oldestCause = "oldest";

/**
 * Doorbells. The row is the truth; a bell only says "look". A bell that cannot be rung is logged and forgotten: the
 * reaper rings again. So none of these throws.
 */
export interface Bells {
  /** Whether a bell rung now would be heard. */
  heard(): Promise<boolean>;
  /**
   * `cause` tells two reasons to look apart, so that the second rings too. `rank` is given for a run that nobody has decided
   * about yet: its place among its company's. Lower goes first, and without one, it is about a run that is under way: before all.
   */
  run(id: string, cause: string, rank?: number): Promise<void>;
  step(bell: StepBell | AcquireBell): Promise<void>;
  /** Whoever watches this run, or this execution by itself, should look at it now. Said by `run` too. */
  moved(id: string): Promise<void>;
  /** Followers may read up to `end`. */
  output(notice: { readonly execution: string; readonly stream: StreamName | "final"; readonly end: number }): Promise<void>;
  /** Whoever works on this execution should look at its row now. */
  execution(id: string): Promise<void>;
}
