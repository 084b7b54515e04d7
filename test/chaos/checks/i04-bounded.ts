import { isFinalLease } from "../../../src/domain/lease.ts";
import { allowance, executionMargin, expiryMargin, releaseMargin } from "./bounds.ts";
import { type Check, each, together } from "./check.ts";

export const bounded: Check = {
  invariants: ["I4"],
  says: "everything ended, and within its bound outside of troubles",
  look: async ({ settled, runs, leases, executions, troubles }) => {
    const late = (what: string, from: number | null, to: number | null, bound: number): string | null => {
      if (from === null || to === null) return null;
      const over = to - from - bound - allowance(troubles, from, to);
      return over > 0 ? `${what} took ${Math.round(to - from)} ms, ${Math.round(over)} more than its bound` : null;
    };
    return together(
      { looked: 1, violations: settled.ok ? [] : settled.open.map((open) => `not ended: ${open}`) },
      await each(runs, (run) => late(`cancelling run ${run.id}`, run.cancelAskedAt, run.endedAt, releaseMargin)),
      await each(executions, (x) => late(`execution ${x.id} (${x.outcome?.kind})`, x.startedAt, x.finishedAt, x.timeoutMs + executionMargin)),
      await each(executions, (x) => late(`ending execution ${x.id}`, x.killAskedAt, x.finishedAt, executionMargin)),
      await each(leases, (lease) => late(`releasing lease ${lease.id}`, lease.releasingSince, lease.releasedAt, releaseMargin)),
      await each(leases, (lease) => lease.maxLifeMs !== null && late(`ad-hoc lease ${lease.id}`, lease.acquiredAt, lease.releasedAt, lease.maxLifeMs + expiryMargin)),
      await each(leases, (lease) => !isFinalLease(lease.state) && settled.ok && `lease ${lease.id} is ${lease.state}: ${lease.failureReason}`),
    );
  },
};
