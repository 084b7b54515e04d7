import { join } from "node:path";
import { openBase } from "../src/app/base.ts";
import { openWorker } from "../src/app/worker.ts";
import { readConfig } from "../src/config.ts";
import { fakeDriver } from "../src/drivers/fake/driver.ts";
import { driverRegistry } from "../src/drivers/registry.ts";

/** A worker process with ten backends that nobody asks anything of; ended by its parent. */
const config = readConfig();
const names = Array.from({ length: 10 }, (_, i) => `idle-${i}`);
await openWorker(config, openBase(config, "worker"), { backends: names.map((name) => `sandbox-${name}`) }, (_config, installation) =>
  driverRegistry(names.map((provider) => ({ ...fakeDriver({ root: join(config.dataDir, provider), installation, path: config.path }), provider }))),
);
process.send?.({ ready: true });
