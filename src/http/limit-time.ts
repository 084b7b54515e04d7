import type { MiddlewareHandler } from "hono";
import { setTimeout as sleep } from "node:timers/promises";
import { timing } from "../domain/defaults.ts";
import { busy } from "../domain/errors.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";

/**
 * Tells who waits for a database that hangs to come again, instead of keeping the request for as long as it does. An
 * answer that takes its time for other reasons (a long body, a worker that looks at a place) is waited for. What was begun
 * goes on; the idempotency key says so to whoever asks again.
 */
export const limitTime =
  ({ ready }: Pick<ApiParts, "ready">): MiddlewareHandler<ApiEnv> =>
  async (_c, next) => {
    const answered = new AbortController();
    try {
      await Promise.race([next(), hanging(ready, answered.signal)]);
    } finally {
      answered.abort();
    }
  };

/** Rejects once the database hangs; never settles otherwise. */
async function hanging(ready: ApiParts["ready"], answered: AbortSignal): Promise<void> {
  const stopped = new Promise<never>(() => {});
  for (;;) {
    const waited = await sleep(timing.request, true, { signal: answered }).catch(() => false);
    if (!waited) return stopped;
    const { checks } = await ready();
    if (checks["database"] !== "ok") throw busy("database_unavailable", `the database does not answer: ${checks["database"]}; ask again`, { retryAfter: 5 });
  }
}
