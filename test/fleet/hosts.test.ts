import { hostWitness } from "../../src/db/reconcile-hold.ts";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { catalog, verbs } from "../../queues/catalog.ts";
import { openPatientConnection } from "../../queues/connection.ts";
import { removeHostQueues } from "../../queues/host-queues.ts";
import { hostIdentity } from "../../src/app/host-identity.ts";
import { getHost, listHosts, setDraining } from "../../src/db/hosts.ts";
import { claimNextLease } from "../../src/db/lease-claims.ts";
import { listLeaseEvents } from "../../src/db/lease-list.ts";
import { findLease } from "../../src/db/leases.ts";
import { readOutput } from "../../src/db/output.ts";
import { beatWorker, livingBackends, unserved } from "../../src/db/workers.ts";
import { newClaim } from "../../src/domain/claim.ts";
import { newId } from "../../src/domain/ids.ts";
import { forgetHosts } from "../../src/leases/forget-hosts.ts";
import { eventually } from "../support/eventually.ts";
import { leftovers, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { insertLeaseIn } from "../support/lease-rows.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { untilThere } from "../support/shell.ts";

let stack: Stack;
let elsewhere: string;
const db = () => stack.base.database.db;
const past = new Date(Date.now() - 3_600_000);
const fleetParts = () => ({ db: db(), bells: stack.base.bells, log: stack.base.log, who: "test" });
const workerRow = (host: string, backends: string[], hostName = "h") => ({ id: newId(), host, hostName, pid: 1, version: "0", backends });

beforeEach(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), "leasehold-elsewhere-"));
});
afterEach(() => rm(elsewhere, { recursive: true, force: true }));

describe("on one machine with several hosts", () => {
  beforeEach(async () => {
    stack = await startStack();
  });
  afterEach(() => stack.close());

  const started = (runId: string) =>
    eventually(async () => {
      const now = await stack.situation(runId);
      if (now.execution?.state !== "running") throw new Error(now.run.phase);
      return now;
    });
  const untilItIsThere = (path: string): string[] => ["sh", "-c", `${untilThere(path)}; echo late`];

  describe("a host that drains", () => {
    it("I4: is given no new leases, and brings those it has to their end", async () => {
      const here = await stack.worker();
      const go = join(stack.config.dataDir, "go");
      const run = await stack.submit({ command: untilItIsThere(go) });
      const { lease } = await started(run.id);
      expect(lease?.host).toBe(here.fleet.host.id);
      await setDraining(db(), here.fleet.host.id, true);
      const there = await stack.worker({ dataDir: elsewhere });
      const runs = await Promise.all(Array.from({ length: 5 }, () => stack.submit({ command: ["true"] })));
      for (const { id } of runs) {
        const ended = await stack.ended(id);
        expect(ended.run.outcome).toEqual({ kind: "exited", code: 0 });
        expect(ended.lease?.host).toBe(there.fleet.host.id);
      }
      expect(await getHost(db(), here.fleet.host.id)).toMatchObject({ state: "draining", openLeases: 1 });
      await writeFile(go, "");
      const ended = await stack.ended(run.id);
      expect([ended.run.outcome, ended.lease?.state]).toEqual([{ kind: "exited", code: 0 }, "released"]);
      expect(await getHost(db(), here.fleet.host.id)).toMatchObject({ state: "draining", openLeases: 0 });
    });

    it("takes none from the moment it is said, whatever Redis rings; a lease that is bound to it is acquired; and takes them again when that is undone", async () => {
      const { fleet } = await stack.worker();
      const host = fleet.host.id;
      await setDraining(db(), host, true);
      const run = await stack.submit({ command: ["true"] });
      await eventually(async () => expect((await stack.situation(run.id)).run.phase).toBe("acquiring"));
      const scope = { backend: "local", host, binds: true, lapseMs: 0 };
      expect(await claimNextLease(db(), { ...scope, bound: false }, newClaim("me"), "me")).toBeNull();
      const bound = await insertLeaseIn(db(), stack.companyId, { state: "requested", fence: 1, patch: { host } });
      await eventually(async () => {
        await stack.sweep();
        expect((await findLease(db(), bound.id))?.state).toBe("active");
      });
      expect((await stack.situation(run.id)).lease).toMatchObject({ state: "requested", host: null, fence: 0 });
      await setDraining(db(), host, false);
      expect((await stack.ended(run.id)).run.outcome).toEqual({ kind: "exited", code: 0 });
    });

    it("does not ring for new leases at those that drain", async () => {
      const drained = newId();
      await beatWorker(db(), workerRow(drained, ["local"]));
      expect(await beatWorker(db(), workerRow(newId(), ["local"]))).toEqual({ draining: false, elsewhere: ["local"] });
      await setDraining(db(), drained, true);
      expect(await beatWorker(db(), workerRow(newId(), ["local", "ssh"]))).toEqual({ draining: false, elsewhere: ["local"] });
      expect(await beatWorker(db(), workerRow(drained, ["local"]))).toEqual({ draining: true, elsewhere: ["local", "ssh"] });
      expect((await livingBackends(db())).find((s) => s.host === drained)?.draining).toBe(true);
    });
  });

  describe("hosts as the fleet sees them", () => {
    it("workers of an older version, that write no row of their host, serve all the same", async () => {
      const row = workerRow(newId(), ["local"]);
      await db().execute(sql`insert into workers (id, host, host_name, pid, version, backends) values (${row.id}, ${row.host}, 'h', 1, '0', '{local}')`);
      expect(await livingBackends(db())).toEqual([{ backend: "local", host: row.host, draining: false }]);
      expect(await unserved(db(), ["local", "ssh"])).toEqual(["ssh"]);
      await insertLeaseIn(db(), stack.companyId, { state: "releasing", patch: { host: row.host, releasingSince: past } });
      await stack.sweep();
      expect([...(await db().execute(sql`select failure_reason from environment_leases`))]).toEqual([{ failure_reason: "not_released" }]);
    });

    it("a host serves what all its workers serve, and is silent when none was heard for long", async () => {
      const host = newId();
      await beatWorker(db(), workerRow(host, ["ssh", "local"], "old name"));
      await beatWorker(db(), workerRow(host, ["local"], "new name"));
      await insertLeaseIn(db(), stack.companyId, { state: "stuck", patch: { host } });
      await insertLeaseIn(db(), stack.companyId, { state: "active", patch: { host } });
      await insertLeaseIn(db(), stack.companyId, { state: "released", patch: { host } });
      expect(await listHosts(db(), { limit: 10 })).toMatchObject([{ id: host, name: "new name", state: "alive", backends: ["local", "ssh"], workers: 2, openLeases: 2, stuckLeases: 1 }]);
      await db().execute(sql`update workers set beat_at = clock_timestamp() - interval '21 seconds'`);
      await db().execute(sql`update hosts set beat_at = clock_timestamp() - interval '21 seconds', draining_at = clock_timestamp()`);
      expect(await getHost(db(), "new name")).toMatchObject({ state: "silent", workers: 0 });
    });
  });

  describe("leases of a host that is silent", () => {
    const silence = async (): Promise<string> => {
      const host = newId();
      await beatWorker(db(), workerRow(host, ["local"]));
      await db().execute(sql`update workers set beat_at = clock_timestamp() - interval '1 minute' where host = ${host}`);
      await db().execute(sql`update hosts set beat_at = clock_timestamp() - interval '1 minute' where id = ${host}`);
      return host;
    };
    /** What the reaper does when `timing.releaseWait` is over. */
    const abandoned = async (id: string) => {
      await db().execute(sql`update environment_leases set releasing_since = ${past.toISOString()}::timestamptz where id = ${id}`);
      await stack.sweep();
      return findLease(db(), id);
    };

    it.each([
      ["active", "expire", { expiresAt: past }],
      ["acquiring", "timeout", { acquireDeadline: past }],
      ["requested", "timeout", { queueDeadline: past }],
    ] as const)("I4: %s: its own deadline ends it, and 30 minutes later it is stuck", async (state, event, patch) => {
      const lease = await insertLeaseIn(db(), stack.companyId, { state, fence: 1, patch: { ...patch, host: await silence() } });
      await stack.sweep();
      expect(await findLease(db(), lease.id)).toMatchObject({ state: "releasing", fence: 2 });
      await stack.sweep();
      expect((await findLease(db(), lease.id))?.state).toBe("releasing");
      expect(await abandoned(lease.id)).toMatchObject({ state: "stuck", failureReason: "host_lost" });
      expect((await listLeaseEvents(db(), lease.id)).map((e) => [e.event, e.why]).at(-1)).toEqual(["abandon", "host_lost"]);
      expect((await listLeaseEvents(db(), lease.id)).map((e) => e.event)).toEqual([event, "abandon"]);
    });

    it("I4: only they are called lost: else it says what is missing", async () => {
      const living = newId();
      await beatWorker(db(), workerRow(living, ["local"]));
      const reasons = [];
      for (const patch of [{ host: await silence() }, { host: newId() }, { host: living }, { host: living, backend: "ssh" }, { host: null, backend: "ssh" }, { host: null }]) {
        const lease = await insertLeaseIn(db(), stack.companyId, { state: "releasing", patch });
        reasons.push((await abandoned(lease.id))?.failureReason);
      }
      expect(reasons).toEqual(["host_lost", "host_lost", "not_released", "not_served", "not_served", "not_released"]);
    });

    it("I4: are due at once when a worker of the host that serves them beats again; what failed for another reason waits for its day", async () => {
      const host = await silence();
      const later = new Date(Date.now() + 20 * 3_600_000);
      const stuck = (patch: object) => insertLeaseIn(db(), stack.companyId, { state: "stuck", patch: { dueAt: later, host, failureReason: "host_lost", ...patch } });
      const ours = await Promise.all([stuck({}), stuck({ failureReason: "not_served" }), stuck({ host: null, failureReason: "not_served" })]);
      const others = await Promise.all([stuck({ host: newId() }), stuck({ backend: "ssh" }), stuck({ failureReason: "resource_foreign" }), stuck({ failureReason: "not_released" })]);
      await beatWorker(db(), workerRow(host, ["local"]));
      await stack.sweep();
      for (const { id } of ours) expect((await findLease(db(), id))?.state).toBe("releasing");
      for (const { id } of others) expect((await findLease(db(), id))?.state).toBe("stuck");
    });
  });

  describe("a host that never comes back", () => {
    it("is forgotten with its queues once it has no open lease; a late worker of it works", async () => {
      const worker = await stack.worker({ dataDir: elsewhere });
      const { id: host } = worker.fleet.host;
      await worker.stop();
      await rm(join(elsewhere, "workers"), { recursive: true });
      const lease = await insertLeaseIn(db(), stack.companyId, { state: "stuck", patch: { host, failureReason: "not_released" } });
      const kept = newId();
      await beatWorker(db(), workerRow(kept, ["local"]));
      for (const verb of verbs) await stack.base.bells.step({ verb, backend: "local", host, id: newId(), offer: 1, cause: newId() });
      const redis = openPatientConnection(stack.base.redis, () => {});
      try {
        const keys = () => redis.keys(`${stack.config.queuePrefix}:*@${host}*`);
        for (const verb of verbs) expect(await keys()).toContain(`${stack.config.queuePrefix}:${catalog[verb].queue("local", host)}:id`);
        const forget = () => forgetHosts(fleetParts(), (id, backends) => removeHostQueues(stack.base.redis, id, backends));
        expect(await forget()).toBe(0);
        await db().execute(sql`update hosts set beat_at = clock_timestamp() - interval '8 days' where id = ${host}`);
        expect(await forget()).toBe(0);
        expect((await keys()).length).toBeGreaterThan(0);
        await db().execute(sql`delete from environment_leases where id = ${lease.id}`);
        await expect(forgetHosts(fleetParts(), () => Promise.reject(new Error("Redis is away")))).rejects.toThrow("Redis is away");
        expect((await getHost(db(), host)).state).toBe("silent");
        expect(await forget()).toBe(1);
        expect(await keys()).toEqual([]);
        expect(await forget()).toBe(0);
        expect((await listHosts(db(), { limit: 10 })).map((h) => h.id)).toEqual([kept]);
      } finally {
        redis.disconnect();
      }
      await stack.worker({ dataDir: elsewhere });
      const run = await stack.submit({ command: ["true"] });
      expect((await stack.ended(run.id)).lease?.host).toBe(host);
    });
  });

  it("I14: one that is forgotten keeps the number by which its machine knows the database", async () => {
    const [host, number] = [newId(), newId()];
    await beatWorker(db(), workerRow(host, ["local"]));
    await db().execute(sql`delete from workers where host = ${host}`);
    await db().execute(sql`update hosts set beat_at = clock_timestamp() - interval '8 days', witness = ${number} where id = ${host}`);
    expect(await forgetHosts(fleetParts(), async () => {})).toBe(1);
    expect(await forgetHosts(fleetParts(), async () => {})).toBe(0);
    expect((await listHosts(db(), { limit: 10 })).map((h) => h.id)).not.toContain(host);
    expect(await hostWitness(db(), host)).toBe(number);
    await beatWorker(db(), workerRow(host, ["local"]));
    expect((await getHost(db(), host)).state).toBe("alive");
  });

  describe("a copied data directory", () => {
    it("is refused while a worker of the original lives, and is good once that has left", async () => {
      const original = await stack.worker();
      await rm(elsewhere, { recursive: true });
      await cp(stack.config.dataDir, elsewhere, { recursive: true });
      await expect(stack.worker({ dataDir: elsewhere })).rejects.toMatchObject({ code: "host_identity_shared", kind: "refused" });
      expect(await readdir(join(elsewhere, "workers"))).toHaveLength(1);
      expect((await livingBackends(db())).map((s) => s.host)).toEqual([original.fleet.host.id]);
      await original.stop();
      expect((await stack.worker({ dataDir: elsewhere })).fleet.host.id).toBe(original.fleet.host.id);
    });

    it("a machine that changed its name, as a container does, is no copy; nor is one whose workers have just died", async () => {
      const first = await stack.worker();
      await db().execute(sql`update workers set host_name = 'another', pid = 999999999`);
      await (await stack.worker()).stop();
      await first.stop();
      const { id: host } = await hostIdentity(stack.config.dataDir);
      const dead = { ...workerRow(host, ["local"], "another") };
      await beatWorker(db(), dead);
      const opening = stack.worker();
      await eventually(async () => expect([...(await db().execute(sql`select id from workers where host = ${host} and id <> ${dead.id}`))]).toHaveLength(1));
      // It beats, and waits to see whether the other one does: nothing is taken until then.
      const run = await stack.submit({ command: ["true"] });
      expect((await stack.situation(run.id)).run.phase).toBe("accepted");
      await db().execute(sql`update workers set beat_at = clock_timestamp() - interval '21 seconds' where id = ${dead.id}`);
      await opening;
      expect((await stack.ended(run.id)).run.outcome).toEqual({ kind: "exited", code: 0 });
    });
  });
});

describe("a host that comes back", () => {
  let fleet: TestFleet;
  beforeEach(async () => {
    fleet = await startTestFleet();
  });
  afterEach(() => fleet.close());

  /** Prints a numbered line every 20 ms until there is the file, then the digest of what it printed. */
  const ticker = (go: string): string[] => [
    process.execPath,
    "-e",
    `const fs = require("fs"); const h = require("crypto").createHash("sha256"); let n = 0;
     const t = setInterval(() => { const line = "line " + n++ + "\\n"; h.update(line); process.stdout.write(line);
       if (fs.existsSync(${JSON.stringify(go)})) { clearInterval(t); process.stderr.write(h.digest("hex")); } }, 20);`,
  ];
  const all = async (id: string, stream: "stdout" | "stderr"): Promise<Buffer> => {
    let whole = Buffer.alloc(0);
    for (;;) {
      const piece = await readOutput(fleet.base.database.db, id, stream, whole.length);
      if (piece.length === 0) return whole;
      whole = Buffer.concat([whole, piece]);
    }
  };
  /** Moves all deadlines of a run's lease into the past, one after the other, until the lease is stuck. */
  const outlast = async (runId: string, host: string): Promise<void> => {
    const at = fleet.base.database.db;
    await at.execute(sql`update workers set beat_at = beat_at - interval '1 hour' where host = ${host}`);
    await at.execute(sql`update hosts set beat_at = beat_at - interval '1 hour' where id = ${host}`);
    await at.execute(sql`update environment_leases set expires_at = clock_timestamp() where heartbeat_run_id = ${runId} and status = 'active'`);
    await fleet.until(runId, (now) => now.lease?.state === "releasing");
    await at.execute(sql`update environment_leases set releasing_since = clock_timestamp() - interval '1 hour' where heartbeat_run_id = ${runId}`);
    const { lease } = await fleet.until(runId, (now) => now.lease?.state === "stuck");
    expect(lease?.failureReason).toBe("host_lost");
  };

  it.each([
    ["SIGKILL", "ended meanwhile"],
    ["SIGKILL", "still runs"],
    ["SIGSTOP", "still runs"],
  ] as const)("I4, I7, I8: all its workers had %s, its command %s: every byte is saved, the outcome is true, nothing is left", { timeout: 120_000 }, async (signal, command) => {
    await fleet.reaper();
    const worker = await fleet.worker("local", { dataDir: elsewhere });
    const go = join(fleet.config.dataDir, "go");
    const run = await fleet.submit({ command: ticker(go) });
    const { execution, lease } = await fleet.until(run.id, (now) => (now.execution?.stdoutBytes ?? 0) > 50);
    const id = execution?.id ?? "";
    worker.signal(signal);
    if (signal === "SIGKILL") await worker.gone;
    if (command === "ended meanwhile") await writeFile(go, "");
    // Somebody who lives decides about the run.
    await fleet.worker();
    await outlast(run.id, lease?.host ?? "");
    const gone = await fleet.ended(run.id);
    expect(gone.run.outcome).toMatchObject({ kind: "lost" });
    const kept = await all(id, "stdout");

    if (signal === "SIGSTOP") worker.signal("SIGCONT");
    else await fleet.worker("local", { dataDir: elsewhere });
    const { execution: final } = await fleet.until(run.id, (now) => now.execution?.state === "final" && now.lease?.releasedAt != null, 60_000);
    expect(final).toMatchObject({ outputComplete: true, stdoutDropped: 0, outcome: command === "still runs" ? { kind: "lease_ended" } : { kind: "exited", code: 0 } });
    const printed = await all(id, "stdout");
    expect(printed.length).toBeGreaterThan(kept.length);
    expect(printed.subarray(0, kept.length)).toEqual(kept);
    const lines = printed.toString().split("\n");
    expect(lines.slice(0, -1)).toEqual(lines.slice(0, -1).map((_line, n) => `line ${n}`));
    if (command === "ended meanwhile") expect(createHash("sha256").update(printed).digest("hex")).toBe((await all(id, "stderr")).toString());
    expect((await fleet.situation(run.id)).run.outcome).toMatchObject({ kind: "lost" });
    await eventually(async () => expect(await leftovers(elsewhere)).toEqual([]));
  });
});
