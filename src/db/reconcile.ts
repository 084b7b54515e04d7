import { sql, type SQL } from "drizzle-orm";
import type { Claim } from "../domain/claim.ts";
import { limits, timing } from "../domain/defaults.ts";
import type { LeaseState } from "../domain/lease.ts";
import type { Finding, FindingKind, LeaseOfKey, Resource } from "../domain/reconcile.ts";
import type { Db } from "./client.ts";
import type { Lease } from "./leases.ts";
import { columnsOf, decode, inMs, rowsOf, textOrNull } from "./rows.ts";
import { hostSql, leases, openSql } from "./schema.ts";

/** An endpoint of a provider as workers know it. */
export interface Endpoint {
  readonly endpoint: string;
  readonly backend: string;
  /** The machine that alone can list it; null where any worker can. */
  readonly host: string | null;
}

/** An endpoint that a worker has claimed to list it. */
export interface ClaimedEndpoint extends Endpoint {
  /** The database's time at the claim, in its own words: what was acquired before has to be in the listing. */
  readonly began: string;
}

const noHost = "00000000-0000-0000-0000-000000000000";

/** Makes the endpoint's row, due at once, or says anew who lists it. */
export async function noteEndpoint(db: Db, { endpoint, backend, host }: Endpoint): Promise<void> {
  await rowsOf(
    db,
    sql`insert into reconcile_endpoints (endpoint, backend, host) values (${endpoint}, ${backend}, ${host})
        on conflict (endpoint) do update set backend = excluded.backend, host = excluded.host`,
  );
}

/** Claims one of these endpoints that is due. Null when none is, or somebody alive is at it. */
export async function claimDueEndpoint(db: Db, endpoints: readonly string[], claim: Claim): Promise<ClaimedEndpoint | null> {
  if (endpoints.length === 0) return null;
  const mine = sql.join(endpoints.map((one) => sql`${one}`), sql`, `);
  const [row] = await rowsOf(
    db,
    sql`update reconcile_endpoints set claim_owner = ${claim.owner}, claim_token = ${claim.token}, claim_until = ${inMs(timing.claim)}, attempt = attempt + 1
        where endpoint = (select endpoint from reconcile_endpoints where endpoint in (${mine}) and due_at <= clock_timestamp()
            and (claim_until is null or claim_until < clock_timestamp()) order by due_at limit 1 for update skip locked)
        returning endpoint, backend, host, clock_timestamp()::text as began`,
  );
  if (row === undefined) return null;
  return { endpoint: String(row["endpoint"]), backend: String(row["backend"]), host: textOrNull(row["host"]), began: String(row["began"]) };
}

/** Extends a live claim on an endpoint. False when it is not mine any more. */
export async function extendEndpointClaim(db: Db, endpoint: string, claim: Claim): Promise<boolean> {
  const rows = await rowsOf(db, sql`update reconcile_endpoints set claim_until = ${inMs(timing.claim)} where ${held(endpoint, claim)} returning endpoint`);
  return rows.length > 0;
}

const held = (endpoint: string, claim: Claim): SQL => sql`endpoint = ${endpoint} and claim_token = ${claim.token} and claim_until > clock_timestamp()`;

/** SQL for "this worker may act on what it found": it has the endpoint's claim, and nobody holds reconcile back. */
export const mayAct = (endpoint: string, claim: Claim): SQL =>
  sql`exists (select 1 from reconcile_endpoints where ${held(endpoint, claim)}) and (select held_since is null from installation)`;

/** What one comparison came to. */
export interface Compared {
  readonly listed: number;
  readonly orphans: number;
  readonly vanished: number;
  readonly duplicates: number;
  readonly deferred: number;
}

/** Gives the endpoint back, with what the comparison came to or why there was none; null for one that was called off. */
export async function finishEndpoint(db: Db, { endpoint, began }: ClaimedEndpoint, claim: Claim, result: Compared | string | null, dueInMs: number): Promise<void> {
  const what =
    result === null
      ? sql``
      : typeof result === "string"
        ? sql`, failure = ${result}`
        : sql`, attempt = 0, failure = null, listed_at = ${began}::timestamptz, listed = ${result.listed}, orphans = ${result.orphans}, vanished = ${result.vanished},
              duplicates = ${result.duplicates}, deferred = ${result.deferred}`;
  await rowsOf(
    db,
    sql`update reconcile_endpoints set claim_owner = null, claim_token = null, claim_until = null, due_at = ${inMs(dueInMs)}${what}
        where endpoint = ${endpoint} and claim_token = ${claim.token}`,
  );
}

const uuids = (ids: Iterable<string>): SQL => sql`${sql.param(`{${[...ids].join(",")}}`)}::uuid[]`;

/** The open leases of keys, wherever they are bound, and the highest fence that a row of a key has. */
export async function leasesOfKeys(db: Db, { backend, host }: Endpoint, keys: ReadonlySet<string>): Promise<{ open: Map<string, LeaseOfKey>; fences: Map<string, number> }> {
  const open = new Map<string, LeaseOfKey>();
  const fences = new Map<string, number>();
  if (keys.size === 0) return { open, fences };
  const columns = sql`id, status, company_id, provider_lease_id, fence, resource_key`;
  const rows = await rowsOf(
    db,
    // A key is the id of the lease that first asked for it; later leases of the key are on the same host.
    sql`select ${columns}, ${openSql} as open from environment_leases
        where backend = ${backend} and ${hostSql} = any(${uuids(new Set([noHost, host ?? noHost]))}) and resource_key = any(${uuids(keys)}) and ${openSql}
        union all select ${columns}, ${openSql} from environment_leases where id = any(${uuids(keys)}) and resource_key = id and backend = ${backend}`,
  );
  for (const row of rows) {
    const key = String(row["resource_key"]);
    const fence = Number(row["fence"]);
    fences.set(key, Math.max(fence, fences.get(key) ?? 0));
    if (row["open"] !== true) continue;
    open.set(key, { id: String(row["id"]), state: String(row["status"]) as LeaseState, company: String(row["company_id"]), providerLeaseId: textOrNull(row["provider_lease_id"]), fence });
  }
  return { open, fences };
}

/** Which of these companies there are. */
export async function knownCompanies(db: Db, ids: ReadonlySet<string>): Promise<Set<string>> {
  if (ids.size === 0) return new Set();
  return new Set((await rowsOf(db, sql`select id from companies where id = any(${uuids(ids)})`)).map((row) => String(row["id"])));
}

/** A finding as the database knows it. */
export interface KnownFinding {
  readonly key: string;
  readonly providerLeaseId: string;
  readonly kind: FindingKind;
  /** Milliseconds until its grace is over, counted to the beginning of the listing that found it last; 0 when it is. */
  readonly waitMs: number;
}

/**
 * Keeps what a listing found, each since it was first seen, and forgets what it did not show any more. Null when the claim
 * is not mine. What was `forgotten` by an operator stays that for as long as it is seen.
 */
export async function recordFindings(db: Db, { endpoint, began }: ClaimedEndpoint, claim: Claim, findings: readonly Finding[]): Promise<KnownFinding[] | null> {
  const seen = JSON.stringify(findings.map(({ key, providerLeaseId, kind }) => ({ key, name: providerLeaseId, kind })));
  const rows = await rowsOf(
    db,
    sql`with mine as (select endpoint from reconcile_endpoints where ${held(endpoint, claim)}),
          seen as (select * from jsonb_to_recordset(${seen}::jsonb) as s (key uuid, name text, kind text)),
          gone as (
            delete from reconcile_findings f using mine where f.endpoint = mine.endpoint
              and not exists (select 1 from seen s where s.key = f.resource_key and s.name = f.provider_lease_id)
          ),
          kept as (
            insert into reconcile_findings as f (endpoint, resource_key, provider_lease_id, kind) select mine.endpoint, s.key, s.name, s.kind from mine, seen s
            on conflict (endpoint, resource_key, provider_lease_id) do update set
              kind = case when f.kind = 'forgotten' and excluded.kind = 'orphan' then f.kind else excluded.kind end,
              first_seen_at = case when f.kind in (excluded.kind, 'forgotten') then f.first_seen_at else excluded.first_seen_at end
            returning resource_key, provider_lease_id, kind, first_seen_at
          )
        select k.*, greatest(0, ceil(extract(epoch from k.first_seen_at - ${began}::timestamptz) * 1000 + ${timing.reconcileGrace}))::float8 as wait
        from mine left join kept k on true order by k.first_seen_at, k.resource_key`,
  );
  if (rows.length === 0) return null;
  return rows
    .filter((row) => row["kind"] !== null)
    .map((row) => ({ key: String(row["resource_key"]), providerLeaseId: String(row["provider_lease_id"]), kind: String(row["kind"]) as FindingKind, waitMs: Number(row["wait"]) }));
}

/** SQL for "an operator gave up a lease of this key and took the resource on". Leases of a key have ids from the key's own on. */
const wasForgotten = (company: SQL, key: SQL): SQL =>
  sql`exists (select 1 from environment_leases o join lease_events e on e.lease_id = o.id and e.event = 'forget'
      where o.company_id = ${company} and o.id >= ${key} and o.resource_key = ${key})`;

/** Notes which of these orphans an operator took on, and gives their keys. */
export async function markForgotten(db: Db, endpoint: string, orphans: readonly Resource[]): Promise<Set<string>> {
  if (orphans.length === 0) return new Set();
  const seen = JSON.stringify(orphans.map(({ key, company }) => ({ key, company })));
  const rows = await rowsOf(
    db,
    sql`update reconcile_findings f set kind = 'forgotten' from jsonb_to_recordset(${seen}::jsonb) as s (key uuid, company uuid)
        where f.endpoint = ${endpoint} and f.resource_key = s.key and ${wasForgotten(sql`s.company`, sql`s.key`)} returning f.resource_key`,
  );
  return new Set(rows.map((row) => String(row["resource_key"])));
}

export interface NewOrphan {
  readonly id: string;
  readonly eventId: string;
  readonly resource: Resource;
  readonly provider: string;
  /** Above everything that is known of the key. */
  readonly fence: number;
  readonly who: string;
}

/**
 * Makes a lease in `releasing` for a key without an open one: from there on it is given back like any other. Null when
 * the key has an heir, an operator took it on, or this worker may not act any more.
 */
export async function insertOrphan(db: Db, { endpoint, backend, host }: Endpoint, claim: Claim, { id, eventId, resource, provider, fence, who }: NewOrphan): Promise<Lease | null> {
  const { key, company, run, providerLeaseId } = resource;
  const [row] = await rowsOf(
    db,
    sql`with made as (
          insert into environment_leases (id, company_id, status, backend, provider, provider_lease_id, endpoint, host, resource_key, fence, ending, failure_reason,
            must_destroy, metadata, queue_deadline, max_expires_at, due_at, ended_at, releasing_since)
          select ${id}::uuid, ${company}::uuid, 'releasing', ${backend}, ${provider}, nullif(${providerLeaseId}, ''), ${endpoint}, ${host}::uuid, ${key}::uuid, ${fence}::int, 'failed',
            'the provider held it and no lease did', true, ${JSON.stringify(run === null ? {} : { orphanOfRun: run })}::jsonb, t, t, t, t, t
          from (select clock_timestamp() as t) as now
          where ${mayAct(endpoint, claim)}
            and not exists (select 1 from environment_leases o where o.id = ${key} and ${openSql})
            and not ${wasForgotten(sql`${company}::uuid`, sql`${key}::uuid`)}
          on conflict do nothing returning ${columnsOf(leases)}
        ), noted as (
          insert into lease_events (id, lease_id, event, from_state, to_state, fence, who, why)
          select ${eventId}::uuid, id, 'orphan', null, status, fence, ${who}, failure_reason from made
        )
        select * from made`,
  );
  return row === undefined ? null : decode(leases, row);
}

/** Leases that have a resource at the endpoint since before the listing and are not in it: some of them, in no order, and how many there are. */
export async function missingLeases(db: Db, { endpoint, backend, host, began }: ClaimedEndpoint, listed: readonly Resource[]): Promise<{ missing: Lease[]; total: number }> {
  const seen = JSON.stringify(listed.map(({ key, providerLeaseId }) => ({ key, name: providerLeaseId })));
  const rows = await rowsOf(
    db,
    sql`select ${columnsOf(leases, "l")}, count(*) over ()::int as total from environment_leases l
        where l.backend = ${backend} and ${hostSql} = ${host ?? noHost} and ${openSql} and l.status in ('active', 'retained')
          and l.endpoint = ${endpoint} and l.acquired_at < ${began}::timestamptz
          and not exists (select 1 from jsonb_to_recordset(${seen}::jsonb) as s (key uuid, name text) where s.key = l.resource_key and s.name = coalesce(l.provider_lease_id, ''))
        order by random() limit ${limits.reconcileInspect}`,
  );
  return { missing: rows.map((row) => decode(leases, row)), total: Number(rows[0]?.["total"] ?? 0) };
}

/** Whether a duplicate of this lease's resource may be removed now: the lease is as it was, and this worker may act. */
export async function mayDiscard(db: Db, endpoint: string, claim: Claim, lease: LeaseOfKey): Promise<boolean> {
  const rows = await rowsOf(
    db,
    sql`select 1 from environment_leases where id = ${lease.id} and status = ${lease.state} and fence = ${lease.fence} and provider_lease_id = ${lease.providerLeaseId} and ${mayAct(endpoint, claim)}`,
  );
  return rows.length > 0;
}
