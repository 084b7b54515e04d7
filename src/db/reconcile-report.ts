import { sql } from "drizzle-orm";
import { limits, timing } from "../domain/defaults.ts";
import type { FindingKind } from "../domain/reconcile.ts";
import type { Db } from "./client.ts";
import { rowsOf, textOrNull } from "./rows.ts";

export interface ReportedFinding {
  readonly key: string;
  readonly providerLeaseId: string | null;
  readonly kind: FindingKind;
  readonly firstSeenAt: Date;
  /** Whether its grace is over. */
  readonly ripe: boolean;
}

export interface ReportedEndpoint {
  readonly endpoint: string;
  readonly backend: string;
  readonly host: string | null;
  readonly hostName: string | null;
  readonly dueAt: Date;
  readonly listedAt: Date | null;
  readonly listed: number | null;
  readonly orphans: number | null;
  readonly vanished: number | null;
  readonly duplicates: number | null;
  readonly deferred: number | null;
  readonly failure: string | null;
  /** All there are, by kind. */
  readonly counts: Readonly<Record<FindingKind, number>>;
  /** The oldest of them. */
  readonly findings: readonly ReportedFinding[];
}

const date = (value: unknown): Date | null => (typeof value === "string" || value instanceof Date ? new Date(value) : null);
const number = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value));

/** Every endpoint with what its last listing found, and what of it no lease explains. */
export async function reportEndpoints(db: Db): Promise<ReportedEndpoint[]> {
  const endpoints = await rowsOf(db, sql`select e.*, h.name as host_name from reconcile_endpoints e left join hosts h on h.id = e.host order by e.backend, e.endpoint`);
  const counts = await rowsOf(db, sql`select endpoint, kind, count(*)::int as n from reconcile_findings group by endpoint, kind`);
  return Promise.all(
    endpoints.map(async (row) => {
      const endpoint = String(row["endpoint"]);
      const count = (kind: FindingKind): number => Number(counts.find((one) => one["endpoint"] === endpoint && one["kind"] === kind)?.["n"] ?? 0);
      return {
        endpoint,
        backend: String(row["backend"]),
        host: textOrNull(row["host"]),
        hostName: textOrNull(row["host_name"]),
        dueAt: date(row["due_at"]) ?? new Date(0),
        listedAt: date(row["listed_at"]),
        listed: number(row["listed"]),
        orphans: number(row["orphans"]),
        vanished: number(row["vanished"]),
        duplicates: number(row["duplicates"]),
        deferred: number(row["deferred"]),
        failure: textOrNull(row["failure"]),
        counts: { orphan: count("orphan"), duplicate: count("duplicate"), unknown_company: count("unknown_company"), forgotten: count("forgotten") },
        findings: await findingsAt(db, endpoint),
      };
    }),
  );
}

async function findingsAt(db: Db, endpoint: string): Promise<ReportedFinding[]> {
  const rows = await rowsOf(
    db,
    sql`select *, first_seen_at <= clock_timestamp() - make_interval(secs => ${timing.reconcileGrace / 1000}) as ripe from reconcile_findings
        where endpoint = ${endpoint} order by first_seen_at, resource_key limit ${limits.reconcileShown}`,
  );
  return rows.map((row) => ({
    key: String(row["resource_key"]),
    providerLeaseId: textOrNull(row["provider_lease_id"]) || null,
    kind: String(row["kind"]) as FindingKind,
    firstSeenAt: date(row["first_seen_at"]) ?? new Date(0),
    ripe: row["ripe"] === true,
  }));
}

/** Has every endpoint listed as soon as a worker looks. Gives how many there are. */
export async function makeAllDue(db: Db): Promise<number> {
  return (await rowsOf(db, sql`update reconcile_endpoints set due_at = clock_timestamp() returning endpoint`)).length;
}
