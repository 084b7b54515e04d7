import pLimit from "p-limit";

/** One of so many places at something; given back by `over`, which may be called again. */
export interface Turn extends Disposable {
  over(): void;
}

/** Gives turns in the order in which they are asked for. */
export type Turns = () => Promise<Turn>;

/** So many turns at once. */
export function turns(atOnce: number): Turns {
  const limit = pLimit(atOnce);
  return () =>
    new Promise((resolve) => {
      void limit(() => new Promise<void>((over) => resolve({ over, [Symbol.dispose]: over })));
    });
}
