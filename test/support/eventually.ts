import { setTimeout as sleep } from "node:timers/promises";

/** Repeats `fn` until it does not throw, and returns what it returned; its last error after `timeoutMs`. */
export async function eventually<T>(fn: () => T | Promise<T>, { timeoutMs = 10_000 }: { timeoutMs?: number } = {}): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await fn();
    } catch (error) {
      if (performance.now() > end) throw error;
      await sleep(20);
    }
  }
}
