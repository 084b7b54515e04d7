import type postgres from "postgres";

/** Columns that the database's clock is compared with, or that say when something was. */
const moments = {
  environment_leases: ["claim_until", "queue_deadline", "acquire_deadline", "expires_at", "max_expires_at", "due_at", "requested_at", "acquired_at", "ended_at", "releasing_since", "released_at", "updated_at"],
  runs: ["claim_until", "step_after", "due_at", "deadline", "cancel_requested_at", "acquiring_at", "realized_at", "harvested_at", "ended_at", "created_at"],
  executions: ["claim_until", "due_at", "kill_asked_at", "created_at", "started_at", "first_output_at", "finished_at"],
} as const;

/**
 * Lets time pass: every moment in the rows moves into the past, which for whoever asks the database's clock is the same.
 * A silent fleet did not sweep meanwhile, and says so; else reapers did, and found nothing.
 */
export async function letTimePass(client: postgres.Sql, ms: number, silent: boolean): Promise<void> {
  const by = `interval '${ms} milliseconds'`;
  const updates = Object.entries(moments).map(([table, columns]) => `update ${table} set ${columns.map((c) => `${c} = ${c} - ${by}`).join(", ")}`);
  updates.push(`update installation set calm_until = calm_until - ${by}${silent ? `, fleet_tick = fleet_tick - ${by}` : ", fleet_tick = clock_timestamp()"}`);
  await client.begin(async (tx) => {
    for (const update of updates) await tx.unsafe(update);
  });
}

/** What makes somebody look again: the moments of every row that is not at its end. */
const moment = `
  select due_at as at from runs where due_at is not null
  union all select deadline from runs where deadline is not null
  union all select due_at from environment_leases where status in ('releasing', 'stuck')
  union all select queue_deadline from environment_leases where status = 'requested'
  union all select acquire_deadline from environment_leases where status = 'acquiring'
  union all select greatest(due_at, claim_until) from environment_leases where status in ('requested', 'acquiring')
  union all select expires_at from environment_leases where status in ('active', 'retained')
  union all select greatest(due_at, claim_until) from executions where due_at is not null`;

/** Milliseconds until something is due that is not yet; 0 when all there is was due before; null when nothing ever will be. */
export async function nextDue(client: postgres.Sql): Promise<number | null> {
  const [row] = await client.unsafe(`select count(at)::int as count, extract(epoch from least(min(at) filter (where at > clock_timestamp()), (select calm_until from installation where calm_until > clock_timestamp())) - clock_timestamp()) * 1000 as ms
    from (${moment}) as moments`);
  if (Number(row?.["count"]) === 0) return null;
  return Math.max(0, Math.ceil(Number(row?.["ms"] ?? 0)));
}
