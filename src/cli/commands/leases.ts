import type { Lease, LeaseSummary } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { answer, answerJson } from "../print.ts";
import { printable, sayAgo, sayState } from "../say.ts";
import { facts, table } from "../table.ts";
import { take } from "../take.ts";

export interface ListLeasesOptions {
  readonly state?: string;
  readonly env?: string;
  readonly run?: string;
  readonly open?: true;
  readonly limit: number;
  readonly json?: true;
}

export async function listLeases({ state, env, limit, json, ...filters }: ListLeasesOptions): Promise<number> {
  const client = await connect();
  const wanted = {
    ...filters,
    ...(env === undefined ? {} : { environment: env }),
    // The API knows the states and says which there are.
    ...(state === undefined ? {} : { state: state as LeaseSummary["state"] }),
  };
  const leases = await take(client.leases.list({ ...wanted, pageSize: Math.min(limit, 200) }), limit);
  if (json === true) answerJson(leases);
  else if (leases.length === 0) answer("There are no such leases.");
  else answer(table(["ID", "STATE", { name: "BACKEND", gives: 1 }, "REQUESTED", { name: "RUN", optional: 1 }], leases.map((l) => [l.id, sayState(l.state), l.backend, sayAgo(l.requestedAt), l.runId ?? "-"])));
  return exitCodes.ok;
}

export async function showLease(id: string, options: { readonly json?: true }): Promise<number> {
  const lease = await (await connect()).leases.get(id);
  if (options.json === true) answerJson(lease);
  else answer(described(lease));
  return exitCodes.ok;
}

function described(lease: Lease): string {
  const about = facts([
    ["Lease", lease.id],
    ["State", sayState(lease.state)],
    ["Priority", lease.priority === 0 ? null : String(lease.priority)],
    ["Waiting", lease.waiting === null ? null : printable(lease.waiting.reason)],
    ["Backend", lease.backend],
    ["Environment", lease.environmentId],
    ["Run", lease.runId],
    ["Host", lease.host],
    ["Place", lease.target === null ? null : `${lease.target.transport} ${printable(lease.target.cwd)}`],
    ["Fence", String(lease.fence)],
    ["Expires", lease.expiresAt],
    ["Never after", lease.maxExpiresAt],
    ["Failure", lease.failureReason === null ? null : printable(lease.failureReason)],
  ]);
  const events = table(
    ["AT", "EVENT", "STATE", { name: "FENCE", right: true, optional: 1 }, { name: "WHO", gives: 1, least: 10, optional: 2 }, { name: "WHY", gives: 2, least: 12, wrap: true }],
    lease.events.map((e) => [e.at, e.event, `${e.from ?? "-"} -> ${e.to}`, String(e.fence), printable(e.who), printable(e.why ?? "")]),
  );
  return `${about}\n\n${events}`;
}

export async function releaseLease(id: string, options: { readonly json?: true }): Promise<number> {
  const lease = await (await connect()).leases.release(id);
  if (options.json === true) answerJson(lease);
  else answer(`Lease ${lease.id} is ${lease.state}.`);
  return exitCodes.ok;
}
