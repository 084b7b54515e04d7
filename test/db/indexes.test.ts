import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Db } from "../../src/db/client.ts";
import { listActivity } from "../../src/db/activity.ts";
import * as due from "../../src/db/due.ts";
import { findKeyedExecution, findKeyedLease } from "../../src/db/ad-hoc.ts";
import { countOpenLeases, deleteEnvironment, setEnvironmentStatus } from "../../src/db/environment-changes.ts";
import { claimExecution, endForgotten, listExecutions, openExecutions } from "../../src/db/executions.ts";
import { extendExecutionClaim, extendExecutionClaims } from "../../src/db/execution-claims.ts";
import { forgetGoneHost, goneHosts, listHosts } from "../../src/db/hosts.ts";
import { claimNextLease } from "../../src/db/lease-claims.ts";
import { renewLease, renewLeases } from "../../src/db/lease-renewal.ts";
import { listLeases } from "../../src/db/lease-list.ts";
import { extendLeaseClaim } from "../../src/db/leases.ts";
import { appendOutput, findProgress, readOutput } from "../../src/db/output.ts";
import * as reconcile from "../../src/db/reconcile.ts";
import { textOrNull } from "../../src/db/rows.ts";
import { listRuns } from "../../src/db/run-list.ts";
import { acceptAgain, findSituation, rankOfAccepted } from "../../src/db/runs.ts";
import { purgeSecrets, takeOldValues, valuesAreOld } from "../../src/db/secret-keys.ts";
import { usesOf } from "../../src/db/secret-uses.ts";
import { listSecretVersions, readSecrets } from "../../src/db/secret-versions.ts";
import { getSecret, listSecrets, openLeasesWith, listSecretAccess } from "../../src/db/secrets.ts";
import { beatWorker } from "../../src/db/workers.ts";
import { newClaim } from "../../src/domain/claim.ts";
import { limits } from "../../src/domain/defaults.ts";
import { newId } from "../../src/domain/ids.ts";
import { freshDatabase } from "../support/database.ts";

const history = 20_000;
const living = 8_000;
const waiting = 20_000;
let client: postgres.Sql;
let db: Db;
let drop: () => Promise<void>;
let captured: { query: string; params: unknown[] }[] = [];
const companyId = newId();
const full = newId();

beforeAll(async () => {
  const fresh = await freshDatabase();
  drop = () => fresh.drop();
  client = postgres(fresh.url, { max: 4, onnotice: () => {} });
  db = drizzle(client, { logger: { logQuery: (query, params) => void captured.push({ query, params }) } }) as unknown as Db;
  await db.execute(sql`insert into companies (id, name) values (${companyId}, 'test')`);
  // A long history of what has ended: what loops look for must not cost more for it.
  await db.execute(sql`
    insert into environment_leases (id, company_id, status, backend, provider, resource_key, fence, queue_deadline, max_expires_at, ending, ended_at, released_at, handle, expires_at, acquired_at)
    select gen_random_uuid(), ${companyId}, 'released', 'local', 'local', gen_random_uuid(), 1, now(), now(), 'released', now(), now() - interval '1 day', '{}', now(), now() from generate_series(1, ${history})`);
  await db.execute(sql`
    insert into runs (id, company_id, idempotency_key, request_hash, request, lease_id, phase, ended_at, outcome)
    select gen_random_uuid(), ${companyId}, id::text, '', '{}', id, 'ended', now() - interval '1 day', '{"kind":"cancelled"}' from environment_leases`);
  await db.execute(sql`
    insert into executions (id, company_id, lease_id, run_id, ordinal, argv, state, timeout_ms, output_limit, outcome, finished_at)
    select gen_random_uuid(), ${companyId}, lease_id, id, 1, '[]', 'final', 1, 1, '{"kind":"cancelled"}', now() from runs`);
  await db.execute(sql`insert into execution_output (execution_id, stream, start, bytes) select id, 'stdout', 0, 'x' from executions`);
  // And as many that live and are not due: nor for these.
  await db.execute(sql`
    insert into environment_leases (id, company_id, status, backend, provider, resource_key, fence, queue_deadline, max_expires_at, handle, expires_at, acquired_at)
    select gen_random_uuid(), ${companyId}, 'active', 'local', 'local', gen_random_uuid(), 1, now(), now() + interval '1 day', '{}', now() + interval '1 hour', now() from generate_series(1, ${living})`);
  await db.execute(sql`
    insert into runs (id, company_id, idempotency_key, request_hash, request, lease_id, phase, deadline, due_at)
    select gen_random_uuid(), ${companyId}, id::text, '', '{}', id, 'executing', now() + interval '1 day', now() + interval '1 hour' from environment_leases where status = 'active'`);
  await db.execute(sql`
    insert into executions (id, company_id, lease_id, run_id, ordinal, argv, state, boot_id, timeout_ms, output_limit, due_at, claim_owner, claim_token, claim_until)
    select gen_random_uuid(), ${companyId}, lease_id, id, 1, '[]', 'running', 'b', 1, 1, now() + interval '1 hour', 'w', gen_random_uuid(), now() + interval '1 hour' from runs where phase = 'executing'`);
  await db.execute(sql`
    insert into environment_leases (id, company_id, status, backend, provider, resource_key, fence, queue_deadline, max_expires_at, due_at, acquire_deadline, ending, ended_at, releasing_since)
    select gen_random_uuid(), ${companyId}, s, 'ssh', 'ssh', gen_random_uuid(), 1, now() + interval '1 hour', now() + interval '1 day', now() + interval '1 hour', now() + interval '1 hour',
      case when s in ('releasing', 'stuck') then 'failed' end, case when s in ('releasing', 'stuck') then now() end, case when s = 'releasing' then now() end
    from unnest(array['requested', 'acquiring', 'releasing', 'stuck']) s, generate_series(1, ${living / 4})`);
  // And as many that wait: for an environment that is full, and for their first decision.
  await db.execute(sql`insert into environments (id, company_id, name, driver, backend, max_leases) values (${full}, ${companyId}, 'full', 'sandbox', 'sandbox-fake', 1)`);
  await db.execute(sql`update environment_leases set environment_id = ${full} where id = (select id from environment_leases where status = 'active' limit 1)`);
  await db.execute(sql`
    insert into environment_leases (id, company_id, environment_id, status, backend, provider, resource_key, queue_deadline, max_expires_at)
    select gen_random_uuid(), ${companyId}, ${full}, 'requested', 'sandbox-fake', 'fake', gen_random_uuid(), now() + interval '1 hour', now() + interval '1 day' from generate_series(1, ${waiting})`);
  await db.execute(sql`
    insert into runs (id, company_id, idempotency_key, request_hash, request, phase, deadline, due_at)
    select gen_random_uuid(), ${companyId}, 'accepted ' || i, '', '{}', 'accepted', now() + interval '1 day', now() from generate_series(1, ${waiting}) i`);
  await db.execute(sql`insert into activity_log (id, company_id, action, entity_type, entity_id, run_id) select gen_random_uuid(), ${companyId}, 'environment.lease_released', 'environment_lease', id, id from runs limit 10000`);
  // Secrets under one key, half of them pasted into environments, and who was given them.
  await db.execute(sql`insert into secret_keys (id, canary) values (${oldKey}, ''), ('fedcba9876543210', '')`);
  await db.execute(sql`
    insert into secrets (id, company_id, name, store, version, field, environment_id)
    select gen_random_uuid(), ${companyId}, 'secret ' || i, 'sealed', 1, case when i % 2 = 0 then 'config.token' end, case when i % 2 = 0 then ${full}::uuid end from generate_series(1, ${history}) i`);
  await db.execute(sql`insert into secret_versions (secret_id, version, sealed, key_id) select id, 1, '', ${oldKey} from secrets`);
  await db.execute(sql`insert into secret_access_events (id, company_id, secret_id, version, purpose, who) select gen_random_uuid(), company_id, id, 1, 'probe', 'test' from secrets`);
  await client.unsafe("vacuum analyze");
}, 300_000);
afterAll(async () => {
  await client.end();
  await drop();
});

/** Big tables, or indexes of theirs, that a statement would read from end to end. */
async function readsWhole(query: string, params: unknown[]): Promise<string[]> {
  const [row] = await client.unsafe<{ "QUERY PLAN": { Plan: Record<string, unknown> }[] }[]>(`explain (format json) ${query}`, params as never[]);
  const whole: string[] = [];
  const walk = (node: Record<string, unknown>, above?: unknown): void => {
    const [kind, table, index] = ["Node Type", "Relation Name", "Index Name"].map((key) => textOrNull(node[key]) ?? "");
    const bounded = node["Index Cond"] !== undefined || node["Recheck Cond"] !== undefined || node["TID Cond"] !== undefined;
    // The first entry of an index is one row; and an index of what has not started, or was left over, is read whole by right.
    const first = above === "Limit" && kind?.startsWith("Index") === true && node["Filter"] === undefined;
    if (first || index === "executions_unstarted" || index === "secrets_left_over") return;
    if (/^(runs|environment_leases|executions|execution_output|activity_log|secrets|secret_versions|secret_access_events)$/.test(table ?? "") && kind?.endsWith("Scan") === true && !bounded) whole.push(`${kind} ${table} ${index}`);
    for (const child of (node["Plans"] as Record<string, unknown>[] | undefined) ?? []) walk(child, kind);
  };
  const plan = row?.["QUERY PLAN"][0]?.Plan;
  if (plan === undefined) throw new Error("explain gave no plan");
  walk(plan);
  return whole;
}

const oldKey = "0123456789abcdef";
const claim = newClaim("me");
const nobody = { id: newId(), offer: 1, runId: newId(), state: "running" } as never;
const place = { endpoint: "local:1", backend: "local", host: newId(), began: new Date().toISOString() };
const resource = { key: newId(), company: companyId, run: null, providerLeaseId: "", fence: null };
const loops: Record<string, () => Promise<unknown>> = {
  takeDueAccepted: () => due.takeDueAccepted(db),
  rankOfAccepted: () => rankOfAccepted(db, companyId),
  "claimNextLease where thousands wait": () => claimNextLease(db, { backend: "sandbox-fake", host: newId(), bound: false, binds: false, lapseMs: 0 }, claim, "me"),
  "waitingAcquires where thousands wait": () => due.waitingAcquires(db, [{ backend: "sandbox-fake", host: newId(), draining: false }]),
  takeDueRuns: () => due.takeDueRuns(db),
  markOverdueRuns: () => due.markOverdueRuns(db),
  takeDueReleases: () => due.takeDueReleases(db),
  takeDueExecutions: () => due.takeDueExecutions(db),
  waitingAcquires: () => due.waitingAcquires(db, [{ backend: "local", host: newId(), draining: false }]),
  expiredLeases: () => due.expiredLeases(db),
  unqueuedLeases: () => due.unqueuedLeases(db),
  unacquiredLeases: () => due.unacquiredLeases(db),
  abandonedReleases: () => due.abandonedReleases(db),
  stuckLeases: () => due.stuckLeases(db),
  renewWaiting: () => due.renewWaiting(db),
  purgeEnded: () => due.purgeEnded(db, 365 * 24 * 3_600_000),
  claimNextLease: () => claimNextLease(db, { backend: "local", host: newId(), bound: false, binds: true, lapseMs: 0 }, claim, "me"),
  extendLeaseClaim: () => extendLeaseClaim(db, newId(), claim),
  renewLease: () => renewLease(db, { id: newId(), fence: 1, execution: newId(), claim }),
  renewLeases: () => renewLeases(db, Array.from({ length: 100 }, () => ({ id: newId(), fence: 1, execution: newId(), claim }))),
  claimExecution: () => claimExecution(db, newId(), claim),
  extendExecutionClaim: () => extendExecutionClaim(db, { id: newId(), claim }),
  extendExecutionClaims: () => extendExecutionClaims(db, Array.from({ length: 100 }, () => ({ id: newId(), claim }))),
  openExecutions: () => openExecutions(db, newId()),
  listExecutions: () => listExecutions(db, newId(), { limit: 50 }),
  findKeyedLease: () => findKeyedLease(db, companyId, { key: "k", hash: Buffer.from("") }),
  findKeyedExecution: () => findKeyedExecution(db, newId(), { key: "k", hash: Buffer.from("") }),
  purgeSecrets: () => purgeSecrets(db, 86_400_000),
  findProgress: () => findProgress(db, Array.from({ length: 200 }, newId)),
  appendOutput: () => appendOutput(db, nobody, claim, "stdout", 0, Buffer.from("x")).catch(() => {}),
  readOutput: () => readOutput(db, newId(), "stdout", 10),
  beatWorker: () => beatWorker(db, { id: newId(), host: newId(), hostName: "h", pid: 1, version: "1", backends: ["local", "ssh"] }),
  findSituation: () => findSituation(db, newId()),
  leasesOfKeys: () => reconcile.leasesOfKeys(db, place, new Set([resource.key, newId()])),
  markForgotten: () => reconcile.markForgotten(db, place.endpoint, [resource]),
  insertOrphan: () => reconcile.insertOrphan(db, place, claim, { id: newId(), eventId: newId(), resource, provider: "local", fence: 1, who: "me" }),
  missingLeases: () => reconcile.missingLeases(db, place, [resource]),
  mayDiscard: () => reconcile.mayDiscard(db, place.endpoint, claim, { id: newId(), state: "active", company: companyId, providerLeaseId: "x", fence: 1 }),
  listRuns: () => listRuns(db, companyId, { limit: 50 }),
  "listRuns that are open": () => listRuns(db, companyId, { limit: 50, open: true }),
  "listRuns by result": () => listRuns(db, companyId, { limit: 50, result: "lost" }),
  "listRuns of an environment": () => listRuns(db, companyId, { limit: 50, environmentId: newId() }),
  "listRuns of a producer's run": () => listRuns(db, companyId, { limit: 50, producerRunId: "x" }),
  "listRuns of an issue": () => listRuns(db, companyId, { limit: 50, producerIssueId: "x" }),
  "listRuns of an agent": () => listRuns(db, companyId, { limit: 50, producerAgentId: "x" }),
  "listRuns of a workspace": () => listRuns(db, companyId, { limit: 50, producerWorkspaceId: "x" }),
  "listRuns of a time": () => listRuns(db, companyId, { limit: 50, since: new Date(0), until: new Date(1) }),
  listLeases: () => listLeases(db, companyId, { limit: 50 }),
  "listLeases that are open": () => listLeases(db, companyId, { limit: 50, open: true }),
  "listLeases that are stuck": () => listLeases(db, companyId, { limit: 50, state: "stuck" }),
  "listLeases that expired": () => listLeases(db, companyId, { limit: 50, state: "expired" }),
  "listLeases of an environment": () => listLeases(db, companyId, { limit: 50, environmentId: newId() }),
  "listLeases of a run": () => listLeases(db, companyId, { limit: 50, runId: newId() }),
  listActivity: () => listActivity(db, companyId, { limit: 50 }),
  "listActivity of an action": () => listActivity(db, companyId, { limit: 50, action: "environment.deleted" }),
  "listActivity of an entity": () => listActivity(db, companyId, { limit: 50, entity: newId() }),
  "listActivity of a run": () => listActivity(db, companyId, { limit: 50, run: newId() }),
  countOpenLeases: () => countOpenLeases(db, { companyId, id: newId() }),
  endForgotten: () => endForgotten(db, newId()),
  readSecrets: () => readSecrets(db, { companyId, leaseId: null, runId: null, who: "me" }, [{ type: "secret_ref", secretId: newId(), version: "latest" }], "probe"),
  getSecret: () => getSecret(db, companyId, "secret 7"),
  listSecrets: () => listSecrets(db, companyId, { limit: 50 }),
  listSecretVersions: () => listSecretVersions(db, newId()),
  listSecretAccess: () => listSecretAccess(db, newId(), { limit: 50 }),
  openLeasesWith: () => openLeasesWith(db, newId()),
  usesOf: () => usesOf(db, newId()),
  valuesAreOld: () => valuesAreOld(db),
  takeOldValues: () => takeOldValues(db, [oldKey], []),
  acceptAgain: () => acceptAgain(db, companyId, newId(), "k", Buffer.from("")),
};

describe(`beside ${history} ended and ${living} living runs, no statement of a loop reads a table from end to end`, () => {
  for (const [name, run] of Object.entries(loops)) {
    it(name, async () => {
      captured = [];
      await run();
      const statements = captured.filter(({ query }) => /^\s*(select|update|insert|delete|with)/i.test(query));
      expect(statements.length).toBeGreaterThan(0);
      for (const { query, params } of statements) expect(await readsWhole(query, params), query).toEqual([]);
    });
  }
});

describe("what counts open leases reads indexes of open leases only, whatever has ended", () => {
  it.each([
    ["listHosts", () => listHosts(db, { limit: 50 })],
    ["goneHosts", () => goneHosts(db)],
    ["forgetGoneHost", () => forgetGoneHost(db, newId())],
  ])("%s", async (_name, run) => {
    captured = [];
    await run();
    expect(captured.length).toBeGreaterThan(0);
    for (const { query, params } of captured) for (const read of await readsWhole(query, params)) expect(read).toMatch(/ leases_(slots|slots_of_company|expiry|waiting|begun)$/);
  });
});

describe("what is asked of an environment's own rows reads theirs", () => {
  it("when it is archived, and when it is deleted", async () => {
    const one = newId();
    await db.execute(sql`insert into environments (id, company_id, name, driver, backend) values (${one}, ${companyId}, 'one', 'ssh', 'ssh')`);
    captured = [];
    await setEnvironmentStatus(db, companyId, one, "archived", "me");
    await deleteEnvironment(db, companyId, one);
    const statements = captured.filter(({ query }) => /^\s*(select|update|delete|with)/i.test(query));
    expect(statements.length).toBeGreaterThan(5);
    for (const { query, params } of statements) expect(await readsWhole(query, params), query).toEqual([]);
    // What the rows that refer to it are found by when it goes.
    for (const table of ["environment_leases", "runs"]) expect(await readsWhole(`update ${table} set environment_id = null where environment_id = $1`, [one])).toEqual([]);
  });
});

describe(`beside ${waiting} waiting leases of a full environment, and ${waiting} accepted runs`, () => {
  /** Rows that the statements read, by Postgres's own account. */
  async function rowsRead(run: () => Promise<unknown>): Promise<number> {
    captured = [];
    await run();
    let total = 0;
    for (const { query, params } of captured.filter((one) => /^\s*(select|with|update)/i.test(one.query))) {
      const [row] = await client.unsafe<{ "QUERY PLAN": { Plan: Record<string, unknown> }[] }[]>(`explain (analyze, format json) ${query}`, params as never[]);
      const walk = (node: Record<string, unknown>): void => {
        const n = (key: string): number => Number(node[key] ?? 0);
        if (node["Relation Name"] !== undefined) total += (n("Actual Rows") + n("Rows Removed by Filter")) * n("Actual Loops");
        for (const child of (node["Plans"] as Record<string, unknown>[] | undefined) ?? []) walk(child);
      };
      walk(row?.["QUERY PLAN"][0]?.Plan ?? {});
    }
    return total;
  }

  it.each([
    ["runs that were lost", () => listRuns(db, companyId, { limit: 50, result: "lost" })],
    ["runs of an issue", () => listRuns(db, companyId, { limit: 50, producerIssueId: "x" })],
    ["runs of an environment", () => listRuns(db, companyId, { limit: 50, environmentId: newId() })],
    ["leases that expired", () => listLeases(db, companyId, { limit: 50, state: "expired" })],
    ["leases of another environment", () => listLeases(db, companyId, { limit: 50, environmentId: newId() })],
    ["activity that never happened", () => listActivity(db, companyId, { limit: 50, action: "environment.deleted" })],
    ["activity of another run", () => listActivity(db, companyId, { limit: 50, run: newId() })],
  ])("a listing of %s reads none of the others", async (_name, run) => {
    expect(await rowsRead(run)).toBeLessThan(100);
  });

  it("a claim reads a handful of rows, and finds nothing", async () => {
    const look = async () => expect(await claimNextLease(db, { backend: "sandbox-fake", host: newId(), bound: false, binds: false, lapseMs: 0 }, claim, "me")).toBeNull();
    expect(await rowsRead(look)).toBeLessThan(100);
  });

  it("a sweep takes the oldest runs of the company, not all that wait", async () => {
    await db.execute(sql`update runs set due_at = now() where phase = 'accepted' and due_at > now()`);
    expect(await due.takeDueAccepted(db)).toHaveLength(limits.runsRung);
    expect(await due.takeDueAccepted(db)).toEqual([]);
    expect(await rowsRead(() => due.takeDueAccepted(db))).toBeLessThan(1000);
  });
});
