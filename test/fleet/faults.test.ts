import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunSituation } from "../../src/db/runs.ts";
import { isFinalLease } from "../../src/domain/lease.ts";
import type { Listed } from "../../src/drivers/driver.ts";
import type { WorkerFleet } from "../../src/leases/fleet.ts";
import { eventually } from "../support/eventually.ts";
import { processesUnder } from "../support/processes.ts";
import { quietLog } from "../support/quiet-log.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { type FaultCase, faultCases, lateCalls } from "./fault-cases.ts";
import { plainValue } from "../../src/domain/secret.ts";

let stack: Stack;
let fleet: WorkerFleet;
const ended = new Map<string, RunSituation>();
let starts: readonly string[] = [];
let listed: readonly Listed[] = [];
/** Keys of resources that reconcile has found meanwhile, and given back: as long as this takes, its grace can be over. */
let reconciled = new Set<string>();

/** All plans at once: what takes long is waiting, for retries and for providers that do not answer. */
beforeAll(async () => {
  stack = await startStack();
  const path = join(stack.config.dataDir, "starts");
  const runs = await Promise.all(
    faultCases.map(async ({ name, faults, commands }) => {
      const environment = await stack.fakeEnvironment({ commands, faults });
      // A provider that is always full is waited for until the run's own time to wait is over.
      const waits = name.includes("always") && name.includes("busy") ? { queueTimeoutMs: 20_000 } : {};
      // One short line appended by one write: lines of different commands cannot mix.
      return { name, run: await stack.submit({ command: ["sh", "-c", 'echo "$NAME" >>"$STARTS"'], env: { NAME: name, STARTS: path }, environment: { project: environment }, ...waits }) };
    }),
  );
  const [worker] = await Promise.all([stack.worker({ backends: ["sandbox-fake"] }), stack.worker({ backends: ["sandbox-fake"] })]);
  fleet = worker.fleet;
  const { db } = stack.base.database;
  await eventually(
    async () => {
      await stack.sweep();
      const [row] = [...(await db.execute(sql`select count(*)::int as n from runs where phase <> 'ended'`))];
      expect(row).toEqual({ n: 0 });
    },
    { timeoutMs: 540_000 },
  );
  for (const { name, run } of runs) ended.set(name, await stack.situation(run.id));
  starts = (await readFile(path, "utf8")).trimEnd().split("\n");
  listed = await inventory();
  const orphans = [...(await db.execute(sql`select resource_key as key from environment_leases where failure_reason = 'the provider held it and no lease did'`))];
  reconciled = new Set(orphans.map(({ key }) => String(key)));
}, 600_000);
afterAll(() => stack.close());

async function inventory(): Promise<Listed[]> {
  const found: Listed[] = [];
  const driver = fleet.driver("sandbox-fake");
  // What is late appears now: the provider is asked often enough.
  for (let i = 0; i < lateCalls; i++) for await (const one of driver.inventory?.list({ signal: new AbortController().signal, log: quietLog }) ?? []) if (i === lateCalls - 1) found.push(one);
  return found;
}

const situation = (one: FaultCase): RunSituation => {
  const found = ended.get(one.name);
  if (found === undefined) throw new Error(`no run ${one.name}`);
  return found;
};
const leftOf = (one: FaultCase): Listed[] => listed.filter((sandbox) => sandbox.key === situation(one).lease?.resourceKey);

/** Whether another try can help: then the run must not notice. */
function passes({ faults }: FaultCase): boolean {
  return faults.every((fault) => {
    if (typeof fault.call !== "number" || fault.fault === "vanish") return false;
    return fault.fault !== "fail" || ["transient", "busy", "unknown"].includes(fault.kind);
  });
}

/** Whether the release is told that there is nothing, while there is: what stays is for an inventory to find. */
const denied = ({ faults }: FaultCase): boolean => faults.some((fault) => fault.verb === "release" && fault.call !== 2 && fault.call !== 3 && fault.fault === "fail" && fault.kind === "gone");

/** Whether a sandbox appears when the lease is over; then it is there to be found, and not else. */
const appearsAfter = ({ faults }: FaultCase): boolean => faults.some((fault) => fault.fault === "create_late" && fault.afterCalls === lateCalls && (fault.call === 1 || typeof fault.call !== "number"));

describe("I2, I4, I6, I8: whatever fails at the provider, whenever", () => {
  it.each(faultCases.map((one) => [one.name, one] as const))("%s", (_name, one) => {
    const { run, lease, execution } = situation(one);
    if (lease === null || run.outcome === null) throw new Error("the run has no lease or no outcome");
    // It ended, and what it held is given back, or somebody is told why not.
    expect(isFinalLease(lease.state) || (lease.state === "stuck" && lease.failureReason !== null), `${lease.state} ${lease.failureReason}`).toBe(true);
    if (passes(one)) {
      expect(run.outcome).toEqual({ kind: "exited", code: 0 });
      expect(lease.state).toBe("released");
    }
    // The outcome says what happened to the command.
    const started = starts.filter((name) => name === one.name).length;
    expect(["exited", "not_started", "lost"]).toContain(run.outcome.kind);
    if (run.outcome.kind === "exited") expect({ code: run.outcome.code, started }).toEqual({ code: 0, started: one.commands === "real" ? 1 : 0 });
    else expect(started).toBeLessThanOrEqual(run.outcome.kind === "lost" ? 1 : 0);
    if (execution !== null) expect(execution.outcome).toEqual(run.outcome);
    // Nothing is left that is nobody's; what appeared afterwards says whose it was.
    const left = leftOf(one);
    if (appearsAfter(one) || denied(one)) expect(left.length > 0 || reconciled.has(lease.resourceKey)).toBe(true);
    else if (lease.state !== "stuck") expect(left).toEqual([]);
    for (const { labels } of left) expect(labels).toEqual({ installation: fleet.installation, company: stack.companyId, run: run.id });
  });

  it("I9: no process of any of them is left", () => {
    expect(processesUnder(stack.config.dataDir)).toEqual([]);
  });

  it("a provider that does not answer is said to be that", () => {
    const { lease } = situation(named("instant acquire always hang"));
    expect(lease?.failureReason).toBe("sandbox-fake did not answer within 10000 ms");
  });

  it.each(["instant release 1 fail gone", "real release 1 fail gone", "instant release always fail gone"])("I4: what is gone when it is to be released is released: %s", (name) => {
    const { lease, run } = situation(named(name));
    expect(run.outcome).toEqual({ kind: "exited", code: 0 });
    expect(lease).toMatchObject({ state: "released", attempt: 1, failureReason: null });
  });

  it("I2: what appeared after its release is removed by the next release of its key", async () => {
    const late = faultCases.filter(appearsAfter);
    expect(late.map((one) => one.name)).toEqual(["instant create 1 create_late 100", "real create 1 create_late 100", "instant create always create_late 100"]);
    for (const one of late) {
      const { lease } = situation(one);
      await fleet.driver("sandbox-fake").release({ signal: new AbortController().signal, log: quietLog, fence: lease?.fence ?? 0, reveal: plainValue }, { key: lease?.resourceKey ?? "", handle: null, config: lease?.config });
    }
    const keys = (await inventory()).map((sandbox) => sandbox.key);
    for (const one of late) expect(keys).not.toContain(situation(one).lease?.resourceKey);
  });
});

const named = (name: string): FaultCase => {
  const found = faultCases.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no case ${name}`);
  return found;
};
