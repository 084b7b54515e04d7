import pLimit from "p-limit";
import { timing } from "../domain/defaults.ts";

/** One of so many places at something; given back by `over`, which may be called again. */
export interface Turn extends Disposable {
  over(): void;
}

/** Gives turns in the order in which they are asked for. */
export type Turns = () => Promise<Turn>;

/**
 * So many turns at once, at the processors of this machine. One that is not given back after `limitMs` is over by itself: who takes
 * longer waits for something else, a place that hangs or a process that does not end, and must not keep others waiting.
 */
export function turns(atOnce: number, limitMs: number = timing.turn): Turns {
  const limit = pLimit(atOnce);
  return () =>
    new Promise((resolve) => {
      void limit(
        () =>
          new Promise<void>((end) => {
            const timer = setTimeout(end, limitMs);
            const over = (): void => {
              clearTimeout(timer);
              end();
            };
            resolve({ over, [Symbol.dispose]: over });
          }),
      );
    });
}
