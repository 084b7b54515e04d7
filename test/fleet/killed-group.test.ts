import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { insertEnvironment } from "../../src/db/environments.ts";
import { findLease } from "../../src/db/leases.ts";
import type { Run } from "../../src/db/runs.ts";
import { enclose, killTogether } from "../support/control-group.ts";
import { eventually } from "../support/eventually.ts";
import { type FleetProcess, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { processesUnder } from "../support/processes.ts";
import { fakeEnvironment } from "../support/stack.ts";

const backends = "local,sandbox-fake,sandbox-bubblewrap";
let fleet: TestFleet;
beforeEach(async () => {
  fleet = await startTestFleet();
});
afterEach(() => fleet.close());

const db = () => fleet.base.database.db;
/** Has children in a session of their own too, says so, and would go on for long. */
const script = '[ -z "$STARTS" ] || echo "$NAME" >>"$STARTS"; setsid sleep 1000 & echo begun; sleep 1000; echo never';

/** A command of each kind under way, and a way to end the worker with everything that came from it. */
async function running(): Promise<{ runs: Run[]; killGroup: () => Promise<number> }> {
  const worker = await fleet.worker(backends);
  const group = await enclose(worker.pid);
  const fake = await insertEnvironment(db(), fleet.companyId, fakeEnvironment({}));
  const bubblewrap = await insertEnvironment(db(), fleet.companyId, { ...fakeEnvironment({}), backend: "sandbox-bubblewrap", config: { provider: "bubblewrap" } });
  const starts = join(fleet.config.dataDir, "starts");
  const submit = (name: string, agent: string | undefined, env: Record<string, string>) =>
    fleet.submit({ command: ["sh", "-c", script], env: { NAME: name, ...env }, ...(agent === undefined ? {} : { environment: { agent } }) });
  const runs = await Promise.all([submit("local", undefined, { STARTS: starts }), submit("fake", fake.id, { STARTS: starts }), submit("bubblewrap", bubblewrap.id, { STARTS: "" })]);
  for (const run of runs) await fleet.until(run.id, (now) => now.execution?.state === "running" && now.execution.stdoutBytes > 0);
  return { runs, killGroup: () => killWhole(worker, group) };
}

async function killWhole(worker: FleetProcess, group: Awaited<ReturnType<typeof enclose>>): Promise<number> {
  const { services, config } = fleet;
  const spared = new Set([services.postgres.pid, services.redis.pid]);
  const ours = () => processesUnder(join(config.dataDir)).map(({ pid }) => pid).filter((pid) => !spared.has(pid));
  const killed = group === null ? killTogether(() => [worker.pid, ...ours()]) : await group.kill();
  await worker.gone;
  return killed;
}

const startedOnce = async () => expect((await readFile(join(fleet.config.dataDir, "starts"), "utf8")).trimEnd().split("\n").toSorted()).toEqual(["fake", "local"]);

describe("a worker whose control group is killed, with supervisors and commands", () => {
  it("I6, I8: and that comes back: what ran is lost by proof, is not run again, and everything is given back", async () => {
    await fleet.reaper();
    const { runs, killGroup } = await running();
    // The worker, and of each command at least supervisor, command and its child.
    expect(await killGroup()).toBeGreaterThanOrEqual(10);
    for (const kind of ["leases", "sandboxes", "provider"]) expect(processesUnder(join(fleet.config.dataDir, kind))).toEqual([]);
    await fleet.worker(backends);
    for (const { id } of runs) {
      const { run, lease, execution } = await fleet.ended(id, 60_000);
      expect(run.outcome).toEqual({ kind: "lost", message: "its supervisor died without writing how it ended" });
      expect(execution).toMatchObject({ state: "final", stdoutBytes: "begun\n".length, outputComplete: false });
      expect(["failed", "released"]).toContain(lease?.state);
    }
    await startedOnce();
    await eventually(async () => expect(await fleet.leftovers()).toEqual([]));
  }, 180_000);

  it("I4: and that stays away is a lost host: its leases expire, are stuck, and the runs end as lost; when it comes back it cleans up", async () => {
    // The rest of the fleet: it decides runs, and reaches none of that host's places.
    // Of another machine: it decides, and reaches nothing here.
    const elsewhere = await mkdtemp(join(tmpdir(), "leasehold-elsewhere-"));
    await Promise.all([fleet.reaper(), fleet.worker("", { dataDir: elsewhere })]);
    const { runs, killGroup } = await running();
    await killGroup();
    // It was not heard for half a minute.
    const { lease: lost } = await fleet.situation(runs[0]?.id ?? "");
    await db().execute(sql`update workers set beat_at = beat_at - interval '30 seconds' where host = ${lost?.host}`);
    await db().execute(sql`update hosts set beat_at = beat_at - interval '30 seconds' where id = ${lost?.host}`);
    const leases = await Promise.all(runs.map(async ({ id }) => (await fleet.situation(id)).lease?.id ?? ""));
    const each = (check: (lease: NonNullable<Awaited<ReturnType<typeof findLease>>>) => void) =>
      eventually(
        async () => {
          for (const id of leases) {
            const lease = await findLease(db(), id);
            if (lease === undefined) throw new Error(`no lease ${id}`);
            check(lease);
          }
        },
        { timeoutMs: 30_000 },
      );
    // Nobody renews: two minutes later.
    await db().execute(sql`update environment_leases set expires_at = clock_timestamp() - interval '1 second'`);
    await each((lease) => expect(lease).toMatchObject({ state: "releasing", ending: "expired" }));
    // Nobody comes to release: half an hour later.
    await eventually(async () => {
      await db().execute(sql`update environment_leases set releasing_since = releasing_since - interval '1 hour' where status = 'releasing'`);
      await each((lease) => expect(lease).toMatchObject({ state: "stuck", failureReason: "host_lost" }));
    });
    for (const { id } of runs) {
      const { run } = await fleet.ended(id, 60_000);
      expect(run.outcome).toMatchObject({ kind: "lost" });
    }
    // A day later at the latest it is tried again.
    await fleet.worker(backends);
    await db().execute(sql`update environment_leases set due_at = clock_timestamp() where status = 'stuck'`);
    await each((lease) => expect(lease.state).toBe("expired"));
    for (const { id } of runs) expect((await fleet.situation(id)).execution).toMatchObject({ state: "final", outcome: { kind: "lost" } });
    await startedOnce();
    await eventually(async () => expect(await fleet.leftovers()).toEqual([]));
    await rm(elsewhere, { recursive: true });
  }, 180_000);
});
