// A worker that compares the provider `fake` with the rows once, and dies by SIGKILL before its Nth statement.
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { openBase } from "../../dist/src/app/base.js";
import { openWorkerFleet } from "../../dist/src/app/worker.js";
import { readConfig } from "../../dist/src/config.js";
import { noteEndpoint, reconcileDue } from "../../dist/src/leases/reconcile.js";

const at = Number(process.argv[2]);
let armed = false;
let count = 0;
const logQuery = (query) => {
  if (!armed || query.includes("set claim_until =")) return;
  count += 1;
  if (count === at) process.kill(process.pid, "SIGKILL");
};
const config = readConfig();
const base = openBase(config, "worker");
const client = postgres(config.databaseUrl, { max: 4, onnotice: () => {} });
await base.database.close();
base.database = { ...base.database, db: drizzle(client, { logger: { logQuery } }), close: () => client.end() };
const opened = await openWorkerFleet(config, base);
const { fleet } = opened;
armed = true;
const noted = new Map();
await noteEndpoint(fleet, "sandbox-fake", noted);
await reconcileDue(fleet, [...noted.values()], new AbortController().signal);
armed = false;
await opened.close();
await base.close();
process.exit(0);
