import { isOutage } from "../db/retry.ts";
import { timing } from "../domain/defaults.ts";
import type { StreamName } from "../domain/execution.ts";
import type { Outcome } from "../domain/outcome.ts";
import { Doorbell } from "../output/doorbell.ts";
import { type FollowParts, newOutput, type OutputPiece } from "../output/follow.ts";

/** Something with a command that can be watched to its end: a run, or an execution by itself. `S` is how its state is told. */
export interface Watched<S> {
  /** The id that notices about it carry. */
  readonly id: string;
  /** How it is now; undefined when it is not there any more. */
  look(): Promise<Sight<S> | undefined>;
}

export interface Sight<S> {
  readonly state: S;
  /** Its command, as far as it has got one. */
  readonly execution: { readonly id: string; readonly startedAt: Date | null } | null;
  /** How it ended; null while something is still to come. */
  readonly end: Outcome | null;
}

export type News<S> =
  | ({ readonly kind: "state" } & S)
  | ({ readonly kind: "output" } & OutputPiece)
  | { readonly kind: "end"; readonly outcome: Outcome };

/**
 * Everything about a run or an execution until it has ended: each new state once, its output from the given offsets on,
 * then the end. Reads only as fast as the caller takes it, wakes when somebody rings, and looks by itself now and then in
 * case nobody does.
 */
export async function* watch<S>(parts: FollowParts, watched: Watched<S>, from: Partial<Record<StreamName, number>>, signal: AbortSignal): AsyncGenerator<News<S>> {
  const offsets = new Map(Object.entries(from) as [StreamName, number][]);
  const bell = new Doorbell();
  const ears = new Map<string, () => void>();
  const listen = (id: string, look: () => void): void => {
    if (!ears.has(id)) ears.set(id, parts.notices.onOutput(id, look));
  };
  // A run's row carries its whole request: it is read when something happened to the run, not for every piece of output.
  let moved = true;
  let sight: Sight<S> | undefined;
  let said = "";
  listen(watched.id, () => {
    moved = true;
    bell.ring();
  });
  signal.addEventListener("abort", bell.ring, { once: true });
  try {
    while (!signal.aborted) {
      bell.arm();
      try {
        if (moved) {
          moved = false;
          sight = await watched.look();
          if (sight === undefined) return;
          const text = JSON.stringify(sight.state);
          if (sight.end === null && text !== said) yield { kind: "state", ...sight.state };
          said = text;
        }
        if (sight?.execution != null) {
          listen(sight.execution.id, () => {
            // The first that is heard of a command is that it runs.
            moved ||= sight?.execution?.startedAt == null;
            bell.ring();
          });
          if (offsets.size > 0) {
            for await (const piece of newOutput(parts.reader, sight.execution.id, offsets, signal)) yield { kind: "output", ...piece };
          }
        }
        if (sight?.end != null) {
          yield { kind: "end", outcome: sight.end };
          return;
        }
      } catch (error) {
        if (!isOutage(error)) throw error;
        moved = true;
      }
      if (!(await bell.wait(timing.followPoll))) moved = true;
    }
  } finally {
    for (const silence of ears.values()) silence();
    signal.removeEventListener("abort", bell.ring);
  }
}
