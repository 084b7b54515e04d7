import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CallContext, Driver, Listed } from "../../src/drivers/driver.ts";
import { fakeDriver } from "../../src/drivers/fake/driver.ts";
import { callContext, installation } from "../session/local-lease.ts";

export const labels = { installation, company: "acme", run: null };
export const expiresAt = new Date(Date.now() + 60_000);

/** A provider of its own, and a driver over it. */
export interface FakeProvider {
  readonly root: string;
  readonly driver: Driver;
  /** A driver as another process has it. */
  another(of?: string): Driver;
  acquire(key: string, config?: Record<string, unknown>, fence?: number, by?: Driver): ReturnType<Driver["acquire"]>;
  release(key: string, handle?: unknown, fence?: number, by?: Driver): Promise<void>;
  inventory(by?: Driver): Promise<Listed[]>;
  remove(): void;
}

export function fakeProvider(): FakeProvider {
  const parent = mkdtempSync(join(tmpdir(), "fake-"));
  const root = join(parent, "provider");
  const another = (of = installation): Driver => fakeDriver({ root, installation: of, path: "/usr/local/bin:/usr/bin:/bin" });
  const driver = another();
  return {
    root,
    driver,
    another,
    acquire: (key, config = {}, fence = 1, by = driver) => by.acquire(callContext(fence), { key, config: { provider: "fake", ...config }, labels, expiresAt }),
    release: (key, handle = null, fence = 1, by = driver) => by.release(callContext(fence), { key, handle, config: { provider: "fake" } }),
    inventory: async (by = driver) => {
      const found: Listed[] = [];
      for await (const one of by.inventory?.list(callContext()) ?? []) found.push(one);
      return found;
    },
    remove: () => rmSync(parent, { recursive: true, force: true }),
  };
}

/** A call that nobody wants the answer of after so many milliseconds. */
export const impatient = (ms: number, fence = 1): CallContext => ({ ...callContext(fence), signal: AbortSignal.timeout(ms) });
