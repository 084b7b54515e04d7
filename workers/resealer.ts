import type { Logger } from "pino";
import { timing } from "../src/domain/defaults.ts";
import { isKind } from "../src/domain/errors.ts";
import { resealValues } from "../src/secrets/reseal.ts";
import type { SecretParts } from "../src/secrets/parts.ts";

export interface Resealer {
  /** Waits for the batch under way. */
  stop(): Promise<void>;
}

/** Has values sealed anew under the newest master key, whenever there are such that are not. At its own pace: neither sweeps nor Redis have to do with it. */
export function openResealer({ db, ring }: Pick<SecretParts, "db" | "ring">, log: Logger): Resealer {
  let said = "";
  let under: Promise<void> | null = null;
  const look = async (): Promise<void> => {
    const { sealed, unreadable } = await resealValues({ db, ring, log });
    if (sealed + unreadable > 0) log.info({ sealed, unreadable }, "values were sealed anew under the newest master key");
    said = "";
  };
  const timer = setInterval(() => {
    under ??= look()
      .catch((err: unknown) => {
        // Without a master key nobody keeps secrets here; what else is wrong is said once.
        if (isKind(err, "refused") && err.code === "master_key_unconfigured") return;
        const why = err instanceof Error ? err.message : String(err);
        if (why !== said) log.warn({ err }, "could not seal values anew; will try again");
        said = why;
      })
      .finally(() => {
        under = null;
      });
  }, timing.reseal);
  return {
    stop: async () => {
      clearInterval(timer);
      await under;
    },
  };
}
