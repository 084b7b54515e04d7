import { describe, expect, it } from "vitest";
import { judge } from "./checks/all.ts";
import type { Evidence, LeaseRow } from "./evidence/evidence.ts";
import { printed, sample, type Sample } from "./sample.ts";

const broken = async (evidence: Evidence): Promise<string[]> => (await judge(evidence)).filter((verdict) => verdict.violations.length > 0).flatMap((verdict) => verdict.invariants);

type Spoil = (healthy: Sample) => Partial<Evidence>;
const hour = 3_600_000;

/** One thing that must not be, and the invariants whose checks see it. */
const planted: readonly (readonly [string, string, Spoil])[] = [
  ["I1", "a directory of no lease", ({ evidence }) => ({ watched: { ...evidence.watched, resources: new Map([["01a1fbac-0000-7000-8000-0000000000ff", { root: "/leases", bornAt: 1 }]]) } })],
  ["I1", "a directory that was there before its lease", ({ evidence, lease }) => ({ watched: { ...evidence.watched, resources: new Map([[lease.key, { root: "/leases", bornAt: 900 }]]) } })],
  ["I2", "two sandboxes of a key at once", ({ evidence, lease }) => ({ watched: { ...evidence.watched, sandboxes: new Map([[lease.key, 2]]) } })],
  ["I2", "a sandbox left at the provider", ({ evidence, lease }) => ({ left: { ...evidence.left, provider: [`sandbox ${lease.key}/1`] } })],
  ["I3", "more leases at once than slots", ({ evidence, lease }) => {
    const second = { ...lease, id: "second", key: "second", run: null };
    return { leases: [lease, second], events: [...evidence.events, ...evidence.events.map((event) => ({ ...event, lease: "second" }))] };
  }],
  ["I4", "a run that did not end", ({ evidence }) => ({ settled: { ...evidence.settled, ok: false, open: ["run x executing"] } })],
  ["I4", "a command that had an hour more than its timeout", ({ evidence, execution }) => ({ executions: [{ ...execution, finishedAt: 1500 + execution.timeoutMs + hour }], watched: { ...evidence.watched, alive: new Map() } })],
  ["I4", "a lease that took an hour to be released", ({ lease }) => ({ leases: [{ ...lease, releasedAt: 2500 + hour }] })],
  ["I5", "an event that its state does not allow", ({ evidence }) => ({ events: evidence.events.filter((event) => event.event !== "acquired") })],
  ["I5", "a fence that falls", ({ evidence, lease }) => ({ events: evidence.events.map((event) => (event.event === "cleaned" ? { ...event, fence: 1 } : event)), leases: [{ ...lease, fence: 1 }] })],
  ["I5", "a release claimed without a new fence", ({ evidence, lease }) => ({ events: evidence.events.map((event) => (event.at >= 2600 ? { ...event, fence: 2 } : event)), leases: [{ ...lease, fence: 2 }] })],
  ["I5", "a row that is not where its events led", ({ lease }) => ({ leases: [{ ...lease, fence: 4 }] })],
  ["I6", "a second start", ({ evidence, task }) => ({ ledger: { ...evidence.ledger, starts: [...evidence.ledger.starts, { task: task.id, execution: evidence.executions[0]?.id ?? "", pid: 8 }] } })],
  ["I6", "a start that there is no row of", ({ evidence, task }) => ({ ledger: { ...evidence.ledger, starts: [{ task: task.id, execution: "unknown", pid: 8 }] } })],
  ["I6", "two runs of a key", ({ run }) => ({ runs: [run, { ...run, id: "another" }] })],
  ["I6", "two answers to one key", ({ task }) => ({ tasks: [{ ...task, accepted: [...task.accepted, "01a1fbac-0000-7000-8000-000000000005"] }] })],
  ["I7", "a missing byte", ({ evidence, execution }) => ({ output: (id, stream) => (stream === "stdout" ? Promise.resolve(printed.subarray(1)) : evidence.output(id, stream)), executions: [{ ...execution, stdoutBytes: printed.length - 1 }] })],
  ["I7", "a byte twice", ({ evidence, execution }) => ({ output: (id, stream) => (stream === "stdout" ? Promise.resolve(Buffer.concat([printed, printed.subarray(-1)])) : evidence.output(id, stream)), executions: [{ ...execution, stdoutBytes: printed.length + 1 }] })],
  ["I7", "a follower that missed something", ({ task }) => ({ tasks: [{ ...task, followed: printed.subarray(0, 5) }] })],
  ["I7", "bytes dropped and not said", ({ execution, task }) => ({ tasks: [{ ...task, outputLimit: 10 }], executions: [{ ...execution, stdoutBytes: 10 }] })],
  ["I8", "another code than it meant", ({ run, execution }) => ({ runs: [{ ...run, outcome: { kind: "exited", code: 1 } }], executions: [{ ...execution, outcome: { kind: "exited", code: 1 } }] })],
  ["I8", "a real 0 that nobody ran", ({ evidence }) => ({ ledger: { ...evidence.ledger, starts: [] } })],
  ["I8", "cancelled by nobody", ({ run, execution }) => ({ runs: [{ ...run, outcome: { kind: "cancelled" } }], executions: [{ ...execution, outcome: { kind: "cancelled" } }] })],
  ["I8", "lost without a loss", ({ run, execution }) => ({ runs: [{ ...run, outcome: { kind: "lost" } }], executions: [{ ...execution, outcome: { kind: "lost" } }] })],
  ["I9", "a process left", ({ evidence, execution }) => ({ left: { ...evidence.left, processes: [{ pid: 9, execution: execution.id, command: "sleep" }] } })],
  ["I9", "a process that outlived its execution", ({ evidence, execution }) => ({ watched: { ...evidence.watched, alive: new Map([[execution.id, { at: 2400 + 60_000, command: "sleep" }]]) } })],
  ["I10", "a directory left", ({ evidence }) => ({ left: { ...evidence.left, directories: ["/leases/x"] } })],
  ["I10", "a changed source", ({ evidence }) => ({ sources: { before: evidence.sources.before, after: new Map([["/tree/a", "file 644 other"]]) } })],
  ["I11", "a secret in Redis", () => ({ secrets: { found: ["redis key x"], searched: 1 } })],
  ["I11", "a secret in arguments", ({ evidence }) => ({ watched: { ...evidence.watched, exposed: ["process 9"] } })],
  ["I12", "an answer to another company", () => ({ intrusions: [{ request: "GET /v1/runs/x", status: 200, told: "{}" }] })],
  ["I12", "activity told to another company", ({ lease }) => ({ activity: [{ company: "another", action: "environment.lease_acquired", entity: lease.id }] })],
  ["I13", "an accepted run that there is no row of", ({ task }) => ({ tasks: [{ ...task, accepted: ["nowhere"] }] })],
  ["I13", "a submission lost with no flush", ({ task }) => ({ tasks: [{ ...task, via: "queue", key: "another", accepted: [], followed: null }] })],
  ["I13", "a lease told twice to be acquired", ({ evidence }) => ({ activity: [...evidence.activity, ...evidence.activity] })],
  ["I14", "a foreign file that is gone", ({ evidence }) => ({ foreign: { before: evidence.foreign.before, after: new Map([["/tree/a", "gone"]]) } })],
];

describe("the checks of chaos", () => {
  it("have nothing to say of a healthy fleet", async () => {
    expect(await broken(sample().evidence)).toEqual([]);
  });

  it.each(planted)("%s: see %s", async (invariant, _what, spoil) => {
    const healthy = sample();
    expect(await broken({ ...healthy.evidence, ...spoil(healthy) })).toContain(invariant);
  });

  it("I1, I3, I5: take a lease for what a provider made too late for one of its key", async () => {
    const { evidence, lease } = sample();
    const late: LeaseRow = { ...lease, id: "01a1fbac-0000-7000-8000-000000000009", run: null, state: "failed", ending: "failed", fence: 5, requestedAt: 9000, acquiredAt: null, releasingSince: 9000, releasedAt: 9100 };
    const event = (event: string, from: LeaseRow["state"] | null, to: LeaseRow["state"], fence: number, at: number) => ({ lease: late.id, event, from, to, fence, at });
    const begins = (fence: number, at: number): Partial<Evidence> => ({
      leases: [lease, { ...late, fence: fence + 1 }],
      events: [...evidence.events, event("orphan", null, "releasing", fence, at), event("claim_release", "releasing", "releasing", fence + 1, 9050), event("cleaned", "releasing", "failed", fence + 1, 9100)],
    });
    expect(await broken({ ...evidence, ...begins(4, 9000) })).toEqual([]);
    expect(await broken({ ...evidence, ...begins(3, 9000) })).toEqual(["I5"]);
    expect(await broken({ ...evidence, ...begins(4, 2800) })).toEqual(["I3"]);
  });

  it("I13: take a submission that only Redis had for lost with it", async () => {
    const { evidence, task } = sample();
    const tasks = [task, { ...task, id: "t1", via: "queue" as const, key: "another", accepted: [], followed: null }];
    const flush = { kind: "flush" as const, what: "FLUSHALL redis", from: 2000, to: 2001 };
    expect(await broken({ ...evidence, tasks })).toEqual(["I13"]);
    expect(await broken({ ...evidence, tasks, troubles: [flush] })).toEqual([]);
  });
});
