import type postgres from "postgres";
import type { ExecutionState } from "../../src/domain/execution.ts";
import type { LeaseEnding, LeaseEvent, LeaseState } from "../../src/domain/lease.ts";
import type { KillReason, Outcome } from "../../src/domain/outcome.ts";
import type { RunPhase } from "../../src/domain/run.ts";
import { directoryProvider } from "../../src/drivers/fake/provider.ts";

/** A claim as the database's clock sees it. */
export interface SeenClaim {
  readonly token: string;
  readonly owner: string;
  /** Milliseconds it has left; negative when it has lapsed. */
  readonly leftMs: number;
}

export interface SeenEvent {
  readonly event: LeaseEvent | "request";
  readonly from: LeaseState | null;
  readonly to: LeaseState;
  readonly fence: number;
  readonly who: string;
}

export interface SeenLease {
  readonly id: string;
  readonly run: string | null;
  readonly environment: string;
  readonly state: LeaseState;
  readonly fence: number;
  readonly ending: LeaseEnding | null;
  readonly key: string;
  readonly host: string | null;
  readonly ownsSlot: boolean;
  readonly sandbox: string | null;
  readonly reason: string | null;
  readonly claim: SeenClaim | null;
  readonly events: readonly SeenEvent[];
}

export interface SeenRun {
  readonly id: string;
  readonly phase: RunPhase;
  readonly version: number;
  readonly outcome: Outcome | null;
  readonly lease: string | null;
  readonly cancelled: boolean;
}

export interface SeenExecution {
  readonly id: string;
  readonly run: string | null;
  readonly lease: string;
  readonly state: ExecutionState;
  readonly offer: number;
  readonly outcome: Outcome | null;
  readonly killReason: KillReason | null;
  readonly stdoutBytes: number;
  readonly claim: SeenClaim | null;
}

export interface SeenResource {
  readonly host: string;
  readonly key: string;
  readonly sandbox: string;
}

/** What is there: in the database at one moment, and at the provider. */
export interface Snapshot {
  /** By the database's clock, in milliseconds. */
  readonly at: number;
  readonly leases: ReadonlyMap<string, SeenLease>;
  readonly runs: ReadonlyMap<string, SeenRun>;
  readonly executions: ReadonlyMap<string, SeenExecution>;
  readonly resources: readonly SeenResource[];
}

export const nothing: Snapshot = { at: 0, leases: new Map(), runs: new Map(), executions: new Map(), resources: [] };

const claim = `case when claim_token is not null then json_build_object('token', claim_token, 'owner', claim_owner,
  'leftMs', extract(epoch from claim_until - clock_timestamp()) * 1000) end`;

/** One statement: all rows are seen at one moment. */
const everything = `select extract(epoch from clock_timestamp()) * 1000 as at,
  (select coalesce(json_agg(json_build_object('id', l.id, 'run', heartbeat_run_id, 'environment', environment_id, 'state', status, 'fence', fence, 'ending', ending,
    'key', resource_key, 'host', host, 'sandbox', handle->>'sandboxId', 'reason', failure_reason, 'claim', ${claim},
    'ownsSlot', (status = 'requested' and fence > 0) or status in ('acquiring', 'active', 'releasing', 'stuck'),
    'events', (select json_agg(json_build_object('event', event, 'from', from_state, 'to', to_state, 'fence', e.fence, 'who', who) order by e.at, e.id)
      from lease_events e where e.lease_id = l.id)) order by l.id), '[]') from environment_leases l) as leases,
  (select coalesce(json_agg(json_build_object('id', id, 'phase', phase, 'version', version, 'outcome', outcome, 'lease', lease_id,
    'cancelled', cancel_requested_at is not null) order by id), '[]') from runs) as runs,
  (select coalesce(json_agg(json_build_object('id', id, 'run', run_id, 'lease', lease_id, 'state', state, 'offer', offer, 'outcome', outcome,
    'killReason', kill_reason, 'stdoutBytes', stdout_bytes, 'claim', ${claim}) order by id), '[]') from executions) as executions`;

export async function look(client: postgres.Sql, providers: ReadonlyMap<string, string>): Promise<Snapshot> {
  const [row] = await client.unsafe(everything);
  const by = <T extends { id: string }>(name: string): Map<string, T> => {
    const value: unknown = row?.[name];
    return new Map((typeof value === "string" ? (JSON.parse(value) as T[]) : (value as T[])).map((one) => [one.id, one]));
  };
  const resources: SeenResource[] = [];
  for (const [host, root] of providers) {
    for (const { key, id } of await directoryProvider(root).list()) resources.push({ host, key, sandbox: id });
  }
  return { at: Number(row?.["at"]), leases: by<SeenLease>("leases"), runs: by<SeenRun>("runs"), executions: by<SeenExecution>("executions"), resources };
}
