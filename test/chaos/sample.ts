import { Leasehold } from "../../src/client/index.ts";
import type { Evidence, ExecutionRow, LeaseRow, RunRow } from "./evidence/evidence.ts";
import { digestOf } from "./work/act.ts";
import type { Task } from "./work/task.ts";
import type { Place, Tenant } from "./work/tenants.ts";

/** Evidence of one run of a healthy fleet: what the checks have nothing to say of, for tests to spoil. */
export interface Sample {
  readonly evidence: Evidence;
  readonly task: Task;
  readonly run: RunRow;
  readonly lease: LeaseRow;
  readonly execution: ExecutionRow;
}

const ids = { company: "01a1fbac-0000-7000-8000-000000000001", place: "01a1fbac-0000-7000-8000-000000000002", run: "01a1fbac-0000-7000-8000-000000000003", lease: "01a1fbac-0000-7000-8000-000000000004", execution: "01a1fbac-0000-7000-8000-000000000005" };

/** Random bytes that the command of the sample printed. */
export const printed = Buffer.from("some bytes that nobody could have guessed");

export function sample(): Sample {
  const place: Place = { id: ids.place, name: "narrow", kind: "fake", maxLeases: 1, faults: [] };
  const tenant: Tenant = { id: ids.company, name: "company-1", token: "t", client: new Leasehold({ url: "http://127.0.0.1:1", token: "t" }), places: [place] };
  const task: Task = {
    id: "t0-abc",
    tenant,
    place,
    act: { kind: "random", bytes: printed.length },
    ledger: "/ledger",
    timeoutMs: 1_200_000,
    outputLimit: null,
    key: "chaos-0",
    via: "api",
    asked: 2,
    askedAt: 1000,
    accepted: [ids.run, ids.run],
    refused: [],
    cancelled: false,
    lease: null,
    followed: printed,
  };
  const run: RunRow = { id: ids.run, company: ids.company, key: task.key, phase: "ended", outcome: { kind: "exited", code: 0 }, lease: ids.lease, createdAt: 1000, endedAt: 3000, cancelAskedAt: null };
  const lease: LeaseRow = {
    id: ids.lease,
    company: ids.company,
    environment: ids.place,
    run: ids.run,
    backend: "sandbox-fake",
    key: ids.lease,
    state: "released",
    ending: "released",
    fence: 3,
    requestedAt: 1100,
    acquiredAt: 1300,
    maxLifeMs: null,
    releasingSince: 2500,
    releasedAt: 2900,
    failureReason: null,
  };
  const event = (event: string, from: LeaseRow["state"] | null, to: LeaseRow["state"], fence: number, at: number) => ({ lease: lease.id, event, from, to, fence, at });
  const execution: ExecutionRow = {
    id: ids.execution,
    company: ids.company,
    lease: ids.lease,
    run: ids.run,
    ordinal: 0,
    key: null,
    state: "final",
    offer: 1,
    outcome: { kind: "exited", code: 0 },
    killReason: null,
    killed: null,
    timeoutMs: task.timeoutMs,
    stdoutBytes: printed.length,
    stderrBytes: 10,
    stdoutDropped: 0,
    stderrDropped: 0,
    outputComplete: true,
    startedAt: 1500,
    killAskedAt: null,
    finishedAt: 2400,
  };
  const files = new Map([["/tree/a", "file 644 abc"]]);
  const evidence: Evidence = {
    tasks: [task],
    holds: [],
    troubles: [],
    settled: { ok: true, after: 100, open: [] },
    ledger: {
      starts: [{ task: task.id, execution: execution.id, pid: 7 }],
      meant: new Map([[task.id, ["exit 0"]]]),
      digests: new Map([[task.id, digestOf(printed)]]),
      data: () => Promise.resolve(printed),
    },
    runs: [run],
    leases: [lease],
    events: [
      event("request", null, "requested", 0, 1100),
      event("claim", "requested", "acquiring", 1, 1200),
      event("acquired", "acquiring", "active", 1, 1300),
      event("release", "active", "releasing", 2, 2500),
      event("claim_release", "releasing", "releasing", 3, 2600),
      event("cleaned", "releasing", "released", 3, 2900),
    ],
    executions: [execution],
    activity: [{ company: ids.company, action: "environment.lease_acquired", entity: ids.lease }],
    output: (_id, stream) => Promise.resolve(stream === "stdout" ? printed : Buffer.from("started 1\n")),
    watched: {
      resources: new Map([[lease.key, { root: "/leases", bornAt: 1250 }]]),
      sandboxes: new Map([[lease.key, 1]]),
      alive: new Map([[execution.id, { at: 2300, command: "sh" }]]),
      exposed: [],
      looks: 10,
    },
    left: { directories: [], processes: [], provider: [] },
    secrets: { found: [], searched: 5 },
    intrusions: [{ request: "GET /v1/runs/x", status: 404, told: null }],
    foreign: { before: files, after: files },
    sources: { before: files, after: files },
    crashes: [],
  };
  return { evidence, task, run, lease, execution };
}
