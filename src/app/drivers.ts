import { join } from "node:path";
import type { Config } from "../config.ts";
import { invalid } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { type FoundSecret, secretFieldsIn } from "../domain/secret-fields.ts";
import { bubblewrapDriver } from "../drivers/bubblewrap/driver.ts";
import { fakeDriver } from "../drivers/fake/driver.ts";
import { localDriver } from "../drivers/local/driver.ts";
import { type DriverRegistry, driverRegistry } from "../drivers/registry.ts";
import { bubblewrapFolders } from "../embedded/bubblewrap-folder.ts";

/** Every driver this version has. A new one is added here and nowhere else. */
export function openDrivers(config: Config, installation: string): DriverRegistry {
  return driverRegistry([
    localDriver({ root: join(config.dataDir, "leases"), installation, path: config.path }),
    bubblewrapDriver({
      root: join(config.dataDir, "sandboxes"),
      installation,
      unpacked: bubblewrapFolders(),
      binds: config.sandboxBinds,
      network: config.sandboxNetwork === "host",
      dataDir: config.dataDir,
    }),
    // Only where it was asked for: it is for tests and measuring.
    ...(config.fakeProvider === undefined ? [] : [fakeDriver({ root: config.fakeProvider, installation, path: config.path })]),
  ]);
}

/** The secret fields of a config that its driver has checked; none of a driver that this version has not got. */
export const secretFieldsOf =
  (drivers: DriverRegistry) =>
  (backend: string, config: Record<string, unknown>): FoundSecret[] =>
    drivers.backends.includes(backend) ? secretFieldsIn(drivers.get(backend).config, config) : [];

/** Checks an environment's config by its driver's own schema. Throws `invalid`, naming the fields. */
export function configCheck(drivers: DriverRegistry): (backend: string, config: unknown) => Record<string, unknown> {
  return (backend, config) => {
    if (!drivers.backends.includes(backend)) {
      throw invalid("unsupported_environment", `there is no driver for ${backend}; this version has ${drivers.backends.join(", ")}`);
    }
    return parse(drivers.get(backend).config, config, "config") as Record<string, unknown>;
  };
}
