import { sql } from "drizzle-orm";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { type LocalFleet, startFleet } from "../src/app/up/fleet.ts";
import { type Database, openDatabase } from "../src/db/client.ts";
import { insertEnvironment } from "../src/db/environments.ts";
import { hostIdentity } from "../src/app/host-identity.ts";
import { installationId } from "../src/db/installation.ts";
import { newId } from "../src/domain/ids.ts";
import type { Driver } from "../src/drivers/driver.ts";
import { fakeDriver } from "../src/drivers/fake/driver.ts";
import { executionPlace } from "../src/session/place.ts";
import { timing } from "../src/domain/defaults.ts";
import { coresOf, costOf } from "./cost.ts";
import { workerMemory } from "./memory.ts";
import { type Bench, ms, timed } from "./scenario.ts";
import { plainValue } from "../src/domain/secret.ts";

const count = 10_000;
const workers = 4;
const watchMs = 60_000;
const config = { provider: "fake", commands: "instant", instant: { exitCode: 0, stdout: "", seconds: 3600 } };

/**
 * Ten thousand leases with a running command each, followed by four workers: every claim is extended each two seconds,
 * every lease, its provider's timer and its watchdog's renewed each thirty. The commands are records of the provider `fake`, so
 * that what is measured is the fleet. They are put there as a fleet would have left them whose workers have all died.
 */
export const held: Bench = async (fleet) => {
  const dataDir = await mkdtemp(join(tmpdir(), "leasehold-bench-"));
  const own = await startFleet(
    { ...fleet.config, databaseUrl: undefined, redisUrl: undefined, dataDir, fakeProvider: join(dataDir, "fake"), concurrency: count },
    { workers, backends: ["sandbox-fake"], durability: "full" },
    pino({ level: "silent" }),
  );
  const database = openDatabase(own.config.databaseUrl ?? "", { name: "bench", max: 4 });
  try {
    const idle = await costOf(own.config, watchMs / 4);
    await place(own, database);
    const takenUp = await timed(() => untilFollowed(database));
    // The first renewals come all at once, with the taking up; what is watched is what follows.
    await new Promise((resolve) => setTimeout(resolve, timing.leaseRenew));
    const cost = await costOf(own.config, watchMs);
    const alive = await followed(database);
    if (alive !== count) throw new Error(`only ${alive} of ${count} are still held`);
    const [again] = await database.db.execute(sql`select count(*) filter (where offer > 2)::int as n from executions`);
    const memory = workerMemory(dataDir);
    return [
      { what: `${count} running commands taken up by ${workers} new workers`, measured: ms(takenUp) },
      { what: "  taken up more than once", measured: String(again?.["n"]) },
      { what: "  memory of a worker, the largest", measured: `${Math.max(...memory.map(({ now }) => now)).toFixed(0)} MB` },
      { what: `${count} active leases held and renewed`, measured: coresOf(cost), raw: `${coresOf(idle)} idle` },
      { what: "  transactions, Redis commands", measured: `${cost.transactions.toFixed(0)}/s, ${cost.redisCommands.toFixed(0)}/s`, raw: `${idle.transactions.toFixed(0)}/s, ${idle.redisCommands.toFixed(0)}/s idle` },
    ];
  } finally {
    await database.close();
    await own.killProcesses();
    await own.stopServices();
    await rm(dataDir, { recursive: true, force: true });
  }
};

/** Makes the resources and starts the commands, then writes the rows. */
async function place(fleet: LocalFleet, { db }: Database): Promise<void> {
  const installation = await installationId(db);
  const driver = fakeDriver({ root: fleet.config.fakeProvider ?? "", installation, path: fleet.config.path });
  const host = await hostIdentity(fleet.config.dataDir);
  const environment = await insertEnvironment(db, fleet.companyId, { name: "held", description: null, driver: "sandbox", backend: "sandbox-fake", config, envVars: {}, maxLeases: null, metadata: {} });
  const bootId = await executionPlace(await session(driver, newId(), installation, fleet.companyId, newId()), newId()).bootId();
  const all = Array.from({ length: count }, () => ({ lease: newId(), run: newId(), execution: newId() }));
  const handles = new Map<string, unknown>();
  const waiting = all.values();
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (const { lease, run, execution } of waiting) {
        const place = executionPlace(await session(driver, lease, installation, fleet.companyId, run, handles), execution);
        await place.start({ fence: 1, offer: 1 }, { argv: ["true"], cwd: ".", env: {}, stdin: Buffer.alloc(0), outputLimit: 1024, watchdogMs: timing.watchdog, leftoverGraceMs: timing.leftoverGrace });
      }
    }),
  );
  const column = (values: readonly unknown[]) => sql`${sql.param(`{${values.join(",")}}`)}`;
  for (let from = 0; from < count; from += 1000) {
    const some = all.slice(from, from + 1000);
    const rows = sql`unnest(${column(some.map((s) => s.lease))}::uuid[], ${column(some.map((s) => s.run))}::uuid[], ${column(some.map((s) => s.execution))}::uuid[]) as s (lease, run, execution)`;
    await db.transaction(async (tx) => {
      await tx.execute(sql`
        insert into environment_leases (id, company_id, environment_id, heartbeat_run_id, status, backend, provider, config, resource_key, fence, host, queue_deadline, acquire_deadline, max_expires_at, expires_at, handle, acquired_at)
        select lease, ${fleet.companyId}, ${environment.id}, run, 'active', 'sandbox-fake', 'fake', ${JSON.stringify(config)}::jsonb, lease, 1, ${host.id}, now(), now(), now() + interval '2 hours', now() + interval '10 minutes', '{}', now() from ${rows}`);
      for (const { lease } of some) await tx.execute(sql`update environment_leases set handle = ${JSON.stringify(handles.get(lease))}::jsonb where id = ${lease}`);
      await tx.execute(sql`
        insert into runs (id, company_id, idempotency_key, request_hash, request, environment_id, lease_id, phase, deadline)
        select run, ${fleet.companyId}, run::text, '', '{"command": ["true"], "timeoutMs": 7200000, "outputLimit": 1024, "env": {}, "workspace": {"kind": "none"}}', ${environment.id}, lease, 'executing', now() + interval '2 hours' from ${rows}`);
      await tx.execute(sql`
        insert into executions (id, company_id, lease_id, run_id, ordinal, argv, state, offer, boot_id, timeout_ms, output_limit, due_at, started_at)
        select execution, ${fleet.companyId}, lease, run, 1, '["true"]', 'running', 1, ${bootId}, 7200000, 1024, now() + interval '1 hour', now() from ${rows}`);
    });
  }
  // Now they want somebody, all at once.
  await db.execute(sql`update executions set due_at = now()`);
}

async function session(driver: Driver, key: string, installation: string, company: string, run: string, handles?: Map<string, unknown>) {
  const context = { signal: AbortSignal.timeout(60_000), log: pino({ level: "silent" }), fence: 1, reveal: plainValue };
  const made = await driver.acquire(context, { key, config, labels: { installation, company, run }, expiresAt: new Date(Date.now() + 7_200_000) });
  handles?.set(key, made.handle);
  return driver.session(context, { key, handle: made.handle });
}

async function followed({ db }: Database): Promise<number> {
  const [row] = await db.execute(sql`select count(*)::int as n from executions where state = 'running' and claim_until > clock_timestamp()`);
  return Number(row?.["n"]);
}

async function untilFollowed(database: Database): Promise<void> {
  while ((await followed(database)) < count) await new Promise((resolve) => setTimeout(resolve, 250));
}
