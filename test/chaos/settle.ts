import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { rowsOf } from "../../src/db/rows.ts";
import { timing } from "../../src/domain/defaults.ts";
import { endCalm } from "../support/calm.ts";
import { settleMargin } from "./checks/bounds.ts";
import type { ChaosFleet } from "./fleet/fleet.ts";

export interface Settled {
  readonly ok: boolean;
  /** Milliseconds it took. */
  readonly after: number;
  /** What had not ended. */
  readonly open: readonly string[];
}

export interface SettleOptions {
  /**
   * Ends the calm that follows an outage: by the row, and by new reapers, which hold nothing back. It only ever makes
   * leases expire earlier than they would.
   */
  readonly hurry: boolean;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Waits until everything has ended; gives up when for too long nothing more does. */
export async function settle(fleet: ChaosFleet, { hurry, signal, say }: SettleOptions): Promise<Settled> {
  const { db } = fleet.database;
  const began = performance.now();
  await Promise.all(fleet.members.map((member) => member.ready()));
  if (hurry) {
    await patiently(() => endCalm(db), signal);
    for (const member of fleet.members) if (member.role === "reaper") member.signal("SIGKILL");
  }
  let least = Number.POSITIVE_INFINITY;
  let movedAt = performance.now();
  let saidAt = 0;
  for (;;) {
    const open = await patiently(async () => {
      await retryStuck(fleet);
      return openThings(fleet);
    }, signal);
    if (open.length === 0) return { ok: true, after: performance.now() - began, open };
    if (open.length < least) {
      least = open.length;
      movedAt = performance.now();
    }
    if (performance.now() - movedAt > (hurry ? timing.leaseLife : settleMargin) || signal.aborted) return { ok: false, after: performance.now() - began, open };
    if (performance.now() - saidAt > 5000) {
      saidAt = performance.now();
      say(`settling: ${open.length} open, like ${open[0]}`);
    }
    await sleep(250, undefined, { signal }).catch(() => {});
  }
}

/** What has not ended, a line each. */
export async function openThings({ database: { db } }: ChaosFleet): Promise<string[]> {
  const rows = await rowsOf(
    db,
    sql`select 'run ' || id || ' ' || phase as what from runs where phase <> 'ended'
        union all select 'lease ' || id || ' ' || status || coalesce(': ' || failure_reason, '') from environment_leases where status not in ('released', 'expired', 'failed')
        union all select 'execution ' || id || ' ' || state from executions where state <> 'final'`,
  );
  return rows.map((row) => String(row["what"]));
}

/** What an operator does who has seen why a lease is stuck, and put it right: here the provider, which refuses the first calls only. */
async function retryStuck({ database: { db } }: ChaosFleet): Promise<void> {
  await rowsOf(db, sql`update environment_leases set due_at = clock_timestamp() where status = 'stuck' and due_at > clock_timestamp() + interval '1 minute'`);
}

/** Postgres may be on its way back. */
async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries > 100 || signal.aborted) throw error;
      await sleep(200);
    }
  }
}
