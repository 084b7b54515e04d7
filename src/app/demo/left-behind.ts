import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { openDatabase } from "../../db/client.ts";
import { listLeases } from "../../db/lease-list.ts";
import { isFinalLease } from "../../domain/lease.ts";
import type { LocalFleet } from "../up/fleet.ts";

/** Open leases, leases' directories, and processes that know one: what a finished fleet must not have. */
export async function leftBehind(fleet: LocalFleet): Promise<string[]> {
  const database = openDatabase(fleet.config.databaseUrl ?? "", { name: "demo", max: 1 });
  const leases = await listLeases(database.db, fleet.companyId, { limit: 100 });
  await database.close();
  const open = leases.filter((lease) => !isFinalLease(lease.state)).map((lease) => `lease ${lease.id} is ${lease.state}`);

  const roots = ["leases", "sandboxes"].map((name) => join(fleet.config.dataDir, name));
  const directories = (await Promise.all(roots.map(leaseDirectories))).flat().map((path) => `directory ${path}`);
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const told = await Promise.all(pids.map(async (pid) => ({ pid, text: (await Promise.all(["environ", "cmdline"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")))).join() })));
  const processes = told.filter(({ text }) => roots.some((root) => text.includes(`${root}/`))).map(({ pid }) => `process ${pid}`);
  return [...open, ...directories, ...processes];
}

async function leaseDirectories(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  return entries.filter((e) => e.isDirectory() && !e.name.startsWith(".")).map((e) => join(root, e.name));
}
