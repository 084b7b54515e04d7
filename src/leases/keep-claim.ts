import { isOutage } from "../db/retry.ts";
import { timing } from "../domain/defaults.ts";

export interface KeptClaim extends Disposable {
  /** Fires when the claim is not ours any more: stop, touch nothing. */
  readonly lost: AbortSignal;
  /** Extends now instead of when it is due: somebody rang. */
  look(): void;
}

/**
 * Extends a claim while its holder works. `extend` is told whether somebody waits for what it brings, and gives false when the claim is somebody else's or has lapsed. While
 * the database cannot be reached it is tried again; the claim is lost when it could not be extended for as long as it lives.
 */
export function keepClaim(extend: (urgent: boolean) => Promise<boolean>, onError: (error: unknown) => void): KeptClaim {
  const lost = new AbortController();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let busy = false;
  let again = false;

  // A claim that could not be extended for its whole life has lapsed, whether or not the database has said so.
  const lose = (): void => {
    if (stopped) return;
    stopped = true;
    clearTimeout(timer);
    lost.abort(new Error("claim lost"));
  };
  let lapse = setTimeout(lose, timing.claim);

  const beat = async (urgent: boolean): Promise<void> => {
    if (stopped) return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    clearTimeout(timer);
    try {
      if (await extend(urgent)) {
        clearTimeout(lapse);
        lapse = setTimeout(lose, timing.claim);
      } else {
        lose();
      }
    } catch (error) {
      if (!isOutage(error)) onError(error);
    } finally {
      busy = false;
    }
    if (stopped) return;
    if (again) {
      again = false;
      void beat(true);
      return;
    }
    timer = setTimeout(() => void beat(false), timing.claimExtend);
  };

  timer = setTimeout(() => void beat(false), timing.claimExtend);
  return {
    lost: lost.signal,
    look: () => void beat(true),
    [Symbol.dispose]: () => {
      stopped = true;
      clearTimeout(timer);
      clearTimeout(lapse);
    },
  };
}
