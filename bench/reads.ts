import { sql } from "drizzle-orm";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { type LocalFleet, startFleet } from "../src/app/up/fleet.ts";
import { type Db, openDatabase } from "../src/db/client.ts";
import { listLeases } from "../src/db/lease-list.ts";
import { getSituation } from "../src/db/runs.ts";
import { newId } from "../src/domain/ids.ts";
import type { Bench, Figure } from "./scenario.ts";

const at = 16;
const forMs = 5000;
const page = 50;
/** Rows of one statement: a longer one would be taken for a connection that is dead. */
const step = 20_000;

/** Requests a second that the API answers: one run, a page of leases; beside the query alone, among a thousand rows and among a million. */
export const reads: Bench = async (fleet) => {
  const dataDir = await mkdtemp(join(tmpdir(), "leasehold-bench-"));
  const own = await startFleet({ ...fleet.config, databaseUrl: undefined, redisUrl: undefined, dataDir, fakeProvider: undefined, rateLimit: 0 }, { workers: 0, backends: ["local"] }, pino({ level: "silent" }));
  const database = openDatabase(own.config.databaseUrl ?? "", { name: "bench", max: at });
  const { db } = database;
  try {
    const figures: Figure[] = [];
    let before = 0;
    for (const rows of [1000, 1_000_000]) {
      await insertEnded(db, own.companyId, rows - before);
      before = rows;
      const ids = [...(await db.execute(sql`select id from runs order by random() limit 200`))].map(({ id }) => String(id));
      const pick = (n: number): string => ids[n % ids.length] ?? "";
      const cases = [
        { what: "show a run", ask: (n: number) => get(own, `/v1/runs/${pick(n)}`), bare: (n: number) => getSituation(db, own.companyId, pick(n)) },
        { what: `list ${page} leases`, ask: () => get(own, `/v1/leases?limit=${page}`), bare: () => listLeases(db, own.companyId, { limit: page + 1 }) },
      ];
      for (const { what, ask, bare } of cases) {
        const [api, query] = [await rate(ask), await rate(bare)];
        figures.push({ what: `${what} among ${rows.toLocaleString("en")}`, measured: `${api.toFixed(0)}/s`, raw: `${query.toFixed(0)}/s query`, ratio: api / query });
      }
    }
    return figures;
  } finally {
    await database.close();
    await own.stopServices();
    await rm(dataDir, { recursive: true, force: true });
  }
};

async function get(fleet: LocalFleet, path: string): Promise<void> {
  const response = await fetch(fleet.url + path, { headers: { authorization: `Bearer ${fleet.token}` } });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

/** How often a second something can be done, so many at a time. */
async function rate(act: (n: number) => Promise<unknown>): Promise<number> {
  for (let n = 0; n < 100; n += 1) await act(n);
  let done = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: at }, async () => {
      while (performance.now() - began < forMs) {
        done += 1;
        await act(done);
      }
    }),
  );
  return done / ((performance.now() - began) / 1000);
}

/** Runs that have ended, with a lease, an execution and an event each. */
async function insertEnded(db: Db, company: string, count: number): Promise<void> {
  const tag = newId();
  for (let from = 0; from < count; from += step) {
    const some = Math.min(step, count - from);
    await db.execute(sql`
      with lease as (
        insert into environment_leases (id, company_id, status, backend, provider, resource_key, fence, queue_deadline, max_expires_at, ending, ended_at, released_at, handle, expires_at, acquired_at)
        select uuidv7(), ${company}, 'released', 'local', 'local', uuidv7(), 1, now(), now(), 'released', now(), now(), '{}', now(), now() from generate_series(1, ${some}::int) returning id
      ), run as (
        insert into runs (id, company_id, idempotency_key, request_hash, request, lease_id, phase, ended_at, outcome)
        select uuidv7(), ${company}, ${tag} || id::text, '', '{"command": ["true"], "timeoutMs": 1000, "outputLimit": 1024, "env": {}, "workspace": {"kind": "none"}}', id, 'ended', now(), '{"kind":"exited","code":0}' from lease returning id, lease_id
      )
      insert into executions (id, company_id, lease_id, run_id, ordinal, argv, state, timeout_ms, output_limit, outcome, finished_at, output_complete)
      select uuidv7(), ${company}, lease_id, id, 1, '["true"]', 'final', 1000, 1024, '{"kind":"exited","code":0}', now(), true from run`);
  }
  for (const table of ["environment_leases", "runs", "executions"]) await db.execute(sql`vacuum analyze ${sql.identifier(table)}`);
}
