import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { expect } from "vitest";
import type { Acquired, CallContext, Driver, Labels } from "../../src/drivers/driver.ts";
import { type Lease, leaseOf } from "./lease.ts";
import type { Subject } from "./subject.ts";
import { plainValue } from "../../src/domain/secret.ts";

export const company = "acme";
/** Long enough for the suite, short enough for any provider. */
export const expiresAt = new Date(Date.now() + 30 * 60_000);
/** A fence above all that the suite uses. */
export const lastFence = 1_000_000;

export interface Want {
  readonly fence?: number;
  readonly by?: Driver;
  readonly company?: string;
  readonly installation?: string;
  readonly config?: unknown;
  readonly signal?: AbortSignal;
}

/** A driver on the suite's bench: its verbs with what a test does not care about filled in, and a list of what to give back. */
export interface Bench {
  readonly subject: Subject;
  readonly driver: Driver;
  /** Everything the driver has logged. */
  readonly logged: readonly string[];
  context(fence?: number, signal?: AbortSignal): CallContext;
  labels(installation?: string): Labels;
  /** A key that nobody has used; what it comes to stand for is released at the end. */
  key(): string;
  acquire(key: string, want?: Want): Promise<Acquired>;
  /** From the key alone. */
  release(key: string, want?: Want): Promise<void>;
  /** Keys that the inventory lists; null for a driver without one. */
  listed(by?: Driver): Promise<readonly string[] | null>;
  /** A lease with a session. */
  lease(want?: Want): Promise<Lease>;
  /** Releases what the suite has made so far, and proves that the provider holds nothing. */
  clear(): Promise<void>;
}

export function openBench(subject: Subject, driver: Driver): Bench {
  const logged: string[] = [];
  const log = pino({ level: "trace" }, { write: (line: string) => void logged.push(line) });
  const keys = new Set<string>();

  const bench: Bench = {
    subject,
    driver,
    logged,
    context: (fence = 1, signal = new AbortController().signal) => ({ signal, log, fence, reveal: plainValue }),
    labels: (installation = subject.installation) => ({ installation, company, run: null }),
    key() {
      const key = randomUUID();
      keys.add(key);
      return key;
    },
    acquire(key, { fence, by = driver, company: whose = company, installation, config = subject.config, signal } = {}) {
      return by.acquire(bench.context(fence, signal), { key, config, labels: { ...bench.labels(installation), company: whose }, expiresAt });
    },
    async release(key, { fence, by = driver, signal } = {}) {
      await by.release(bench.context(fence, signal), { key, handle: null, config: subject.config });
      keys.delete(key);
    },
    async listed(by = driver) {
      if (by.inventory === null) return null;
      const found: string[] = [];
      for await (const { key } of by.inventory.list(bench.context())) found.push(key);
      return found.toSorted();
    },
    async lease(want) {
      const key = bench.key();
      const acquired = await bench.acquire(key, want);
      return leaseOf(bench, key, acquired.handle);
    },
    async clear() {
      await Promise.all([...keys].map((key) => bench.release(key, { fence: lastFence })));
      expect(await subject.remains()).toEqual([]);
      expect((await bench.listed()) ?? []).toEqual([]);
    },
  };
  return bench;
}
