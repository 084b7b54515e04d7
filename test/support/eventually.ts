import { setTimeout as sleep } from "node:timers/promises";

/** Repeats `fn` until it does not throw, every `everyMs`, and returns what it returned; its last error after `timeoutMs`. */
export async function eventually<T>(fn: () => T | Promise<T>, { timeoutMs = 60_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {}): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await fn();
    } catch (error) {
      if (performance.now() > end) throw error;
      await sleep(everyMs);
    }
  }
}
