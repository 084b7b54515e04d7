import { sql } from "drizzle-orm";
import type { Db } from "../../../src/db/client.ts";
import { isFinalLease, type LeaseEvent, leaseRules, type LeaseState } from "../../../src/domain/lease.ts";

/** What the rows say at one moment, oldest first. */
export interface Rows {
  readonly runs: readonly { readonly phase: string; readonly offer: number; readonly claimed: boolean; readonly cancel: boolean; readonly outcome: unknown }[];
  readonly leases: readonly { readonly id: string; readonly state: LeaseState; readonly fence: number; readonly claimed: boolean }[];
  readonly executions: readonly {
    readonly id: string;
    readonly state: string;
    readonly offer: number;
    readonly claimed: boolean;
    readonly kill: string | null;
    readonly outcome: unknown;
    readonly bytes: number;
    readonly complete: boolean;
  }[];
  readonly events: readonly { readonly lease: string; readonly event: LeaseEvent | "request"; readonly fence: number; readonly takes: boolean; readonly mortal: boolean }[];
}

const text = (value: unknown): string => String(value);

/** Reads all rows; which events were done by the process of that pid is told by their `who`. */
export async function read(db: Db, pid: number): Promise<Rows> {
  const [runs, leases, executions, events] = await Promise.all([
    db.execute(sql`select phase, offer, claim_token is not null as claimed, cancel_requested_at is not null as cancel, outcome from runs order by id`),
    db.execute(sql`select id, status, fence, claim_token is not null as claimed from environment_leases order by id`),
    db.execute(sql`select id, state, offer, claim_token is not null as claimed, kill_reason, outcome, stdout_bytes, output_complete from executions order by id`),
    db.execute(sql`select lease_id, event, fence, who from lease_events order by at, id`),
  ]);
  return {
    runs: [...runs].map((r) => ({ phase: text(r["phase"]), offer: Number(r["offer"]), claimed: r["claimed"] === true, cancel: r["cancel"] === true, outcome: r["outcome"] })),
    leases: [...leases].map((r) => ({ id: text(r["id"]), state: r["status"] as LeaseState, fence: Number(r["fence"]), claimed: r["claimed"] === true })),
    executions: [...executions].map((r) => ({
      id: text(r["id"]),
      state: text(r["state"]),
      offer: Number(r["offer"]),
      claimed: r["claimed"] === true,
      kill: r["kill_reason"] as string | null,
      outcome: r["outcome"],
      bytes: Number(r["stdout_bytes"]),
      complete: r["output_complete"] === true,
    })),
    events: [...events].map((r) => {
      const event = r["event"] as LeaseEvent | "request";
      return {
        lease: text(r["lease_id"]),
        event,
        fence: Number(r["fence"]),
        takes: event !== "request" && leaseRules[event].some((rule) => rule.claim === "take"),
        mortal: text(r["who"]).includes(` ${pid} `),
      };
    }),
  };
}

/** Without what has ended. */
export const openRows = (all: Rows): Rows => ({
  ...all,
  runs: all.runs.filter(({ phase }) => phase !== "ended"),
  leases: all.leases.filter(({ state }) => !isFinalLease(state)),
  executions: all.executions.filter(({ state }) => state !== "final"),
});

const claimed = (row: { readonly claimed: boolean }): string => (row.claimed ? ", claimed" : "");

/** The rows that the dead one left, in words. */
export function whatWasLeft({ runs, leases, executions }: Rows): string {
  const parts = [
    ...runs.map((run) => `run ${run.phase}${claimed(run)}${run.cancel ? ", to be cancelled" : ""}`),
    ...leases.map((lease) => `lease ${lease.state}, fence ${lease.fence}${claimed(lease)}`),
    ...executions.map((x) => `execution ${x.state}${x.offer > 0 ? `, offer ${x.offer}` : ""}${claimed(x)}${x.kill === null ? "" : `, to end: ${x.kill}`}`),
  ];
  return parts.length === 0 ? "nothing" : parts.join("; ");
}

/** The first thing that whoever came next did, told from events, offers and phases. */
export function whatWasNext(left: Rows, after: Rows): string {
  const [run] = left.runs;
  const decides = run === undefined ? "" : "decides about the run, ";
  const [first] = after.events.slice(left.events.length);
  const before = (event: string): string => (left.events.some((e) => e.event === event) ? " again" : "");
  if (run === undefined && after.runs.length > 0) return "writes the run down";
  if (first?.event === "request") return "decides about the run, requests the lease";
  if (first?.event === "claim") return `claims the lease${before("claim")} (fence ${first.fence})`;
  const copied = after.runs[0]?.offer ?? 0;
  if (run !== undefined && copied > run.offer) {
    if (run.phase !== "realizing") return `${decides}copies the workspace (offer ${copied})`;
    return `copies the workspace${run.offer > 0 ? " again" : ""} (offer ${run.offer + 1})`;
  }
  if (after.executions.length > left.executions.length) return `${decides}executes`;
  const release = first?.event === "claim_release" ? `claims the release${before("claim_release")} (fence ${first.fence})` : "";
  const taken = left.executions.find((x, n) => (after.executions[n]?.offer ?? 0) > x.offer);
  if (taken !== undefined) {
    const execution = `takes the execution${taken.offer > 0 ? " over" : ""} (offer ${taken.offer + 1})`;
    return release === "" ? execution : `${release}, ${execution}`;
  }
  if (release !== "") return release;
  if (first?.event === "release") return `${decides}lets the lease go`;
  if (first !== undefined) return first.event;
  return run !== undefined && run.phase !== "ended" ? `${decides}ends it` : "nothing was left to do";
}
