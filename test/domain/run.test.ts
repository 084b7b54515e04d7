import { describe, expect, it } from "vitest";
import { executionStates } from "../../src/domain/execution.ts";
import { leaseStates } from "../../src/domain/lease.ts";
import type { KillReason, Outcome } from "../../src/domain/outcome.ts";
import { decideRun, type RunFacts, runPhases } from "../../src/domain/run.ts";

const outcomes: (Outcome | null)[] = [null, { kind: "exited", code: 0 }, { kind: "cancelled" }];
const booleans = [false, true];

/** Every situation a run can be in. */
function* situations(): Generator<RunFacts> {
  for (const phase of runPhases)
    for (const cancelRequested of booleans)
      for (const deadlinePassed of booleans)
        for (const hasWorkspace of booleans)
          for (const realized of booleans)
            for (const stepFailure of [null, { code: "x_failed", message: "m" }])
              for (const leaseState of [null, ...leaseStates])
                for (const executionState of [null, ...executionStates])
                  for (const killReason of [null, "cancelled"] as (KillReason | null)[])
                    for (const outcome of outcomes) {
                      if ((executionState === "final") === (outcome === null) && executionState !== null) continue;
                      yield {
                        phase,
                        cancelRequested,
                        deadlinePassed,
                        hasWorkspace,
                        realized,
                        stepFailure,
                        outcome,
                        lease: leaseState === null ? null : { state: leaseState, failureReason: null },
                        execution: executionState === null ? null : { state: executionState, outcome: executionState === "final" ? outcome : null, killReason },
                      };
                    }
}

describe("a run's decisions", () => {
  it("I4: exist for every situation, and a cancelled run that has not ended never waits for its own step", () => {
    let count = 0;
    for (const facts of situations()) {
      const move = decideRun(facts);
      count += 1;
      if (facts.phase === "ended") expect(move.kind).toBe("wait");
      if ((facts.phase === "accepted" || facts.phase === "acquiring" || facts.phase === "realizing") && facts.cancelRequested) {
        expect(["end", "give_back"]).toContain(move.kind);
      }
    }
    expect(count).toBeGreaterThan(10_000);
  });

  it("I8: never make an outcome better than the execution's own", () => {
    for (const facts of situations()) {
      const move = decideRun(facts);
      const given = move.kind === "give_back" || move.kind === "end" ? move.outcome : null;
      if (given?.kind !== "exited" || given.code !== 0) continue;
      const known = facts.execution?.outcome ?? facts.outcome;
      expect(known).toEqual({ kind: "exited", code: 0 });
    }
  });

  it("end a run only when its lease is given back, stuck, kept or gone, or the time for that is over", () => {
    for (const facts of situations()) {
      if (decideRun(facts).kind !== "end" || facts.phase === "accepted" || (facts.phase === "releasing" && facts.deadlinePassed)) continue;
      expect([null, "released", "expired", "failed", "retained", "stuck"]).toContain(facts.lease?.state ?? null);
    }
  });

  it("give an active lease back exactly when there is nothing more to do in it", () => {
    for (const facts of situations()) {
      const move = decideRun(facts);
      if (move.kind !== "give_back") continue;
      if (facts.lease?.state === "active") expect(move.leaseEvent).toBe("release");
      if (facts.lease?.state === "releasing") expect(move.leaseEvent).toBeNull();
      if (facts.execution !== null && facts.execution.outcome === null && facts.phase === "executing") {
        expect(["stuck", "released", "expired", "failed"]).toContain(facts.lease?.state);
      }
    }
  });
});
