import type { Waiting } from "../wire/waiting.ts";
import type { Db } from "../db/client.ts";
import { queuePosition } from "../db/next-lease.ts";
import type { Execution } from "../db/executions.ts";
import { findLease, type Lease } from "../db/leases.ts";
import type { RunSituation } from "../db/runs.ts";
import { livingBackends } from "../db/workers.ts";

/** What a run that has not started waits for; null once its command runs or there is nothing to wait for. */
export async function waitingOf(db: Db, { run, lease, execution }: RunSituation): Promise<Waiting | null> {
  switch (run.phase) {
    case "accepted":
      if ((await livingBackends(db)).length === 0) return { code: "no_worker", reason: "no living worker; start one with `leasehold worker`, or `leasehold up`" };
      return { code: "worker", reason: "waits for a worker to decide about it" };
    case "acquiring":
      return lease === null ? null : waitingForLease(db, lease);
    case "realizing":
      if (lease === null) return null;
      return (
        (await notServed(db, lease)) ??
        (run.claimUntil === null ? { code: "worker", reason: "waits for a worker to put the workspace in" } : { code: "workspace", reason: "its workspace is being put in" })
      );
    case "executing":
      return execution === null ? null : waitingToStart(db, execution);
    default:
      return null;
  }
}

/** What an execution that has not started waits for. */
export async function waitingToStart(db: Db, execution: Execution): Promise<Waiting | null> {
  if (execution.state === "running" || execution.state === "final") return null;
  const lease = await findLease(db, execution.leaseId);
  if (lease === undefined) return null;
  return (
    (await notServed(db, lease)) ??
    (execution.claimUntil === null ? { code: "worker", reason: "waits for a worker to start its command" } : { code: "starting", reason: "its command is being started" })
  );
}

/** What a lease that has not got its place yet waits for. */
export async function waitingForLease(db: Db, lease: Lease): Promise<Waiting | null> {
  if (lease.state !== "requested" && lease.state !== "acquiring") return null;
  const nobody = await notServed(db, lease);
  if (nobody !== null) return nobody;
  if (lease.state === "acquiring") {
    const tries = lease.attempt > 1 ? `, attempt ${lease.attempt}` : "";
    return { code: "acquiring", reason: `its place is being made${tries}` };
  }
  if (lease.fence > 0) return { code: "provider", reason: "the provider is full; it is asked again" };
  const { ahead, environment, company } = await queuePosition(db, lease);
  if (company.maxLeases !== null && company.used >= company.maxLeases) {
    return { code: "company_limit", reason: `waits for a place: company limit, ${company.used} of ${company.maxLeases} used; ${ahead} ahead`, ahead };
  }
  if (environment.maxLeases !== null && (environment.used >= environment.maxLeases || ahead > 0)) {
    return { code: "slot", reason: `waits for a slot of environment ${environment.name} (max ${environment.maxLeases}): ${ahead} ahead`, ahead };
  }
  return { code: "worker", reason: `waits for a worker of ${lease.backend}` };
}

/** What to tell who waits for a backend that nobody serves. */
export const noWorkerServes = (backend: string): string => `no living worker serves backend ${backend}; start one with \`leasehold worker --backends ${backend}\``;

async function notServed(db: Db, lease: Lease): Promise<Waiting | null> {
  const serving = (await livingBackends(db)).filter((s) => s.backend === lease.backend && (lease.host === null || s.host === lease.host));
  if (serving.length === 0) {
    const reason = lease.host === null ? noWorkerServes(lease.backend) : `no living worker serves backend ${lease.backend} on host ${lease.host}, where its place is`;
    return { code: "no_worker", reason };
  }
  if (lease.host === null && serving.every((s) => s.draining)) {
    return { code: "draining", reason: `all workers of backend ${lease.backend} are on draining hosts; start one elsewhere, or end the draining with \`leasehold host drain --undo NAME\`` };
  }
  return null;
}
