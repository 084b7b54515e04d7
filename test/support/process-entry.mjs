// A process of the fleet for tests: `node process-entry.mjs worker local`, `reaper` or `api`, configured by its environment.
import { readConfig } from "../../dist/src/config.js";

const [kind, backends = ""] = process.argv.slice(2);
const config = readConfig();
if (kind === "worker") {
  const { runWorker } = await import("../../dist/src/app/worker.js");
  await runWorker(config, { backends: backends.split(",").filter((b) => b !== "") });
} else if (kind === "api") {
  const { runApi } = await import("../../dist/src/app/api.js");
  await runApi(config);
} else {
  const { runReaper } = await import("../../dist/src/app/reaper.js");
  await runReaper(config);
}
