import { setTimeout } from "node:timers/promises";
import type { Config } from "../../config.ts";
import { type Execution, openExecutionsOnHost } from "../../db/executions.ts";
import { findLease } from "../../db/leases.ts";
import { requestCancel } from "../../db/runs.ts";
import { timing } from "../../domain/defaults.ts";
import { isFinalLease } from "../../domain/lease.ts";
import { execute } from "../../leases/execute.ts";
import type { WorkerFleet } from "../../leases/fleet.ts";
import { letLeaseGo } from "../../leases/let-go.ts";
import { releaseLease } from "../../leases/release.ts";
import { advanceRun } from "../../runs/advance.ts";
import { openBase } from "../base.ts";
import { openWorkerFleet } from "../worker.ts";

/** Commands of this machine that have not ended. The workers must have been stopped. */
export async function withRunning<T>(config: Config, use: (running: readonly Execution[], end: () => Promise<void>) => Promise<T>): Promise<T> {
  const base = openBase({ ...config, logLevel: "error" }, "up");
  const opened = await openWorkerFleet(config, base);
  try {
    const running = await openExecutionsOnHost(base.database.db, opened.fleet.host.id);
    return await use(running, async () => {
      await Promise.all(running.map((execution) => endOne(opened.fleet, execution)));
    });
  } finally {
    await opened.close();
    await base.close();
  }
}

/** Does what workers would do for a cancelled run, or a lease that is given back, to the end: command, run, lease. */
async function endOne(fleet: WorkerFleet, execution: Execution): Promise<void> {
  const never = new AbortController().signal;
  if (execution.runId === null) {
    await endAdHoc(fleet, execution, never);
    return;
  }
  await requestCancel(fleet.db, execution.companyId, execution.runId);
  await advanceRun(fleet, execution.runId);
  // A worker that was killed a moment ago still has its claim, for as long as that lives.
  const until = performance.now() + 2 * timing.claim;
  while ((await execute(fleet, execution.id, never)) !== "final" && performance.now() < until) await setTimeout(timing.claimExtend / 4);
  const { steps } = await advanceRun(fleet, execution.runId);
  for (const step of steps) if (step.verb === "release") await releaseLease(fleet, step.id, never);
  await advanceRun(fleet, execution.runId);
}

async function endAdHoc(fleet: WorkerFleet, { companyId, leaseId }: Execution, never: AbortSignal): Promise<void> {
  await letLeaseGo(fleet, companyId, leaseId);
  const until = performance.now() + 2 * timing.claim;
  for (;;) {
    await releaseLease(fleet, leaseId, never);
    const now = await findLease(fleet.db, leaseId);
    if (now === undefined || isFinalLease(now.state) || performance.now() > until) return;
    await setTimeout(timing.claimExtend / 4);
  }
}
