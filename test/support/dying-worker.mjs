// A worker that dies by SIGKILL at its Nth effect: `node dying-worker.mjs <statement|before-spawn|after-spawn|probe> <N>`.
// Effects are counted at seams that exist anyway: the query builder's logger, Node's own spawn, and its statfs, which only probes call.
import { ChildProcess } from "node:child_process";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { openBase } from "../../dist/src/app/base.js";
import { openWorker } from "../../dist/src/app/worker.js";
import { readConfig } from "../../dist/src/config.js";

const [kind, at] = process.argv.slice(2);
let armed = false;
let count = 0;
const effect = () => {
  if (!armed) return;
  count += 1;
  process.send?.({ count });
  if (count === Number(at)) process.kill(process.pid, "SIGKILL");
};

const config = readConfig();
const base = openBase(config, "worker");
if (kind === "statement") {
  // What a worker does for its own sake (reporting itself, extending claims, finding nothing to claim, reconciling) moves no run.
  const idle = /"workers"|reconcile_|held_since|witness|pg_control_system|pg_database|from companies where id = any|count\(\*\) over \(\)::int as total|union all select id, status|set claim_until =|left join environments e on e\.id = l\.environment_id/;
  const logger = { logQuery: (query) => void (idle.test(query) || effect()) };
  const db = drizzle(postgres(config.databaseUrl, { max: 4, onnotice: () => {} }), { logger });
  await base.database.close();
  base.database = { db, close: async () => {} };
} else if (kind === "probe") {
  fs.statfs = effect;
  syncBuiltinESMExports();
} else {
  const spawn = ChildProcess.prototype.spawn;
  ChildProcess.prototype.spawn = function (...args) {
    if (kind === "before-spawn") effect();
    const result = spawn.apply(this, args);
    if (kind === "after-spawn") effect();
    return result;
  };
}
await openWorker(config, base, { backends: ["local"] });
armed = true;
process.send?.({ ready: true });
