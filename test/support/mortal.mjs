// A process of the fleet that dies by SIGKILL at a chosen point: `node mortal.mjs worker local`, `reaper` or `api`. It waits for
// its orders: `known`, all lines of effects that have a name, as regular expressions, first fit first; `die`, at which of
// them, at which occurrence since which line, and whether before or after it. It tells of each effect that has no name, and with `tellAll` of every one.
import { watchEffects } from "./effect-seams.mjs";
import { readConfig } from "../../dist/src/config.js";

const [kind, backends = ""] = process.argv.slice(2);
const { known, die, slow, tellAll } = await new Promise((resolve) => process.once("message", resolve));
const patterns = known.map((source) => new RegExp(source));
let begun = die?.since === undefined;
let met = 0;
// What only counts since something else is looked for by itself: another name may fit it as well.
const fits = (line, which) => (die.since === undefined ? which === die.which : patterns[die.which].test(line));

watchEffects((line, when) => {
  const which = patterns.findIndex((pattern) => pattern.test(line));
  if (which < 0) process.send?.({ unknown: line });
  if (tellAll) process.send?.({ line: `${when} ${line}`, which });
  if (die === undefined) return;
  if (which === die.since) begun = true;
  if (!begun || when !== die.when || !fits(line, which)) return;
  met += 1;
  if (met === die.nth) process.kill(process.pid, "SIGKILL");
}, slow);

const config = readConfig();
if (kind === "worker") {
  const { runWorker } = await import("../../dist/src/app/worker.js");
  await runWorker(config, { backends: backends.split(",").filter((b) => b !== "") });
} else if (kind === "reaper") {
  const { runReaper } = await import("../../dist/src/app/reaper.js");
  await runReaper(config);
} else {
  const { runApi } = await import("../../dist/src/app/api.js");
  await runApi(config);
}
