import { invalid } from "../domain/errors.ts";
import type { Driver } from "./driver.ts";

export interface DriverRegistry {
  /** The driver of a backend (`local`, `ssh`, `sandbox-bubblewrap`, ...). Throws `invalid` for one that is not known here. */
  get(backend: string): Driver;
  readonly backends: readonly string[];
  close(): Promise<void>;
}

/** What worker pools and queues of a driver are called: its kind, and the provider where the kind has several. */
export const backendOf = (driver: Pick<Driver, "kind" | "provider">): string =>
  driver.kind === "sandbox" || driver.kind === "plugin" ? `${driver.kind}-${driver.provider}` : driver.kind;

/**
 * The drivers of this process by backend. Throws `invalid` for a driver whose forgotten resources nobody would find:
 * it can neither list them nor does the provider end them.
 */
export function driverRegistry(drivers: readonly Driver[]): DriverRegistry {
  const byBackend = new Map<string, Driver>();
  for (const driver of drivers) {
    const backend = backendOf(driver);
    if (driver.inventory === null && driver.facts.maxTtlMs === null) {
      throw invalid("driver_unaccountable", `the driver ${backend} has neither an inventory nor a longest life; what it forgets would stay for ever`);
    }
    if (byBackend.has(backend)) throw invalid("driver_duplicate", `two drivers call themselves ${backend}`);
    byBackend.set(backend, driver);
  }
  return {
    get(backend) {
      const driver = byBackend.get(backend);
      if (driver === undefined) throw invalid("unsupported_environment", `there is no driver ${backend} here`);
      return driver;
    },
    backends: [...byBackend.keys()],
    async close() {
      await Promise.all(drivers.map((driver) => driver.close()));
    },
  };
}
