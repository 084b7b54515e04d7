// A process of the fleet for tests: `node process-entry.mjs worker local`, `api` or `reaper`, configured by its environment.
// TEST_TIMING, JSON, has what takes half an hour otherwise take seconds.
import { readConfig } from "../../dist/src/config.js";
import { timing } from "../../dist/src/domain/defaults.js";

const [kind, backends = ""] = process.argv.slice(2);
Object.assign(timing, JSON.parse(process.env["TEST_TIMING"] ?? "{}"));
const config = readConfig();
if (kind === "worker") {
  const { runWorker } = await import("../../dist/src/app/worker.js");
  await runWorker(config, { backends: backends.split(",").filter((b) => b !== "") });
} else if (kind === "api") {
  const { runApi } = await import("../../dist/src/app/api.js");
  await runApi({ ...config, port: 0 });
} else {
  const { runReaper } = await import("../../dist/src/app/reaper.js");
  await runReaper(config);
}
