import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { openDatabase } from "../../db/client.ts";
import { listLeases } from "../../db/leases.ts";
import { isFinalLease } from "../../domain/lease.ts";
import type { LocalFleet } from "../up/fleet.ts";

/** Open leases, lease directories, and processes with a lease's home: what a finished fleet must not have. */
export async function leftBehind(fleet: LocalFleet): Promise<string[]> {
  const database = openDatabase(fleet.config.databaseUrl ?? "", { name: "demo", max: 1 });
  const leases = await listLeases(database.db, fleet.companyId, { limit: 100 });
  await database.close();
  const open = leases.filter((lease) => !isFinalLease(lease.state)).map((lease) => `lease ${lease.id} is ${lease.state}`);

  const root = join(fleet.config.dataDir, "leases");
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const directories = entries.filter((e) => e.isDirectory() && !e.name.startsWith(".")).map((e) => `directory ${join(root, e.name)}`);

  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(pids.map(async (pid) => ({ pid, text: await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "") })));
  const processes = environments.filter(({ text }) => text.includes(`HOME=${root}/`)).map(({ pid }) => `process ${pid}`);
  return [...open, ...directories, ...processes];
}
