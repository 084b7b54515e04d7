import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Execution, Lease } from "../../src/client/index.ts";
import { findInput } from "../../src/db/executions.ts";
import { findLease } from "../../src/db/leases.ts";
import { timing } from "../../src/domain/defaults.ts";
import { purge } from "../../src/leases/sweep.ts";
import { requestExecution } from "../../src/leases/request-execution.ts";
import { eventually } from "../support/eventually.ts";
import { leftovers } from "../support/fleet.ts";
import { type ServedApi, serveApi } from "../support/serve-api.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { untilThere } from "../support/shell.ts";

let stack: Stack;
let api: ServedApi;
beforeEach(async () => {
  stack = await startStack();
  api = await serveApi(stack);
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  await stack.close();
});

const db = () => stack.base.database.db;
const nothingLeft = () => eventually(async () => expect(await leftovers(stack.config.dataDir)).toEqual([]));
const inState = (id: string, state: Lease["state"]): Promise<Lease> =>
  eventually(async () => {
    const now = await api.client.leases.get(id);
    expect(now.state).toBe(state);
    return now;
  });
const running = (id: string): Promise<Execution> =>
  eventually(async () => {
    const now = await api.client.executions.get(id);
    expect(now.state).toBe("running");
    return now;
  });
/** An active lease that nobody renews. */
const active = async (): Promise<Lease> => inState((await api.client.leases.create()).id, "active");
/** What the reaper would find after a lease life without a renewal. */
const forget = (id: string) => db().execute(sql`update environment_leases set expires_at = clock_timestamp() where id = ${id}`);

async function text(id: string, stream: "stdout" | "stderr" = "stdout"): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of api.client.executions.output(id, { stream, follow: true })) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe("commands in an ad-hoc lease", () => {
  it("see each other's files, one after the other, and are given nothing of a run", async () => {
    await stack.worker();
    await using lease = await api.client.leases.acquire();
    const first = await lease.exec(["sh", "-c", "echo made >file"]);
    expect(await first.result()).toMatchObject({ outcome: { kind: "exited", code: 0 }, runId: null, leaseId: lease.id });
    const second = await lease.exec(["sh", "-c", "cat file; env | cut -d= -f1 | sort"]);
    const seen: string[] = [];
    for await (const { stream, bytes } of second) seen.push(`${stream} ${Buffer.from(bytes).toString()}`);
    expect(await second.result()).toMatchObject({ result: "succeeded", stdoutDropped: 0, outputComplete: true });
    expect(seen.join("").replaceAll("stdout ", "").split("\n").slice(0, -1)).toEqual(["made", "HOME", "LEASEHOLD_EXECUTION", "LEASEHOLD_LEASE", "PATH", "PWD", "TMPDIR"]);
    const listed: string[] = [];
    for await (const { id } of api.client.leases.executions(lease.id, { pageSize: 1 })) listed.push(id);
    expect(listed).toEqual([second.execution.id, first.execution.id]);
    await lease.release();
    expect((await inState(lease.id, "released")).events.map((e) => e.event)).toEqual(["request", "claim", "acquired", "release", "claim_release", "cleaned"]);
    await nothingLeft();
  });

  it("I7, I8: run at once, each with its own output and its own end; cancelling one leaves the others alone", async () => {
    await stack.worker();
    await using lease = await api.client.leases.acquire();
    const waits = await lease.exec(["sh", "-c", `${untilThere("go")}; echo went; exit 7`]);
    const cancelled = await lease.exec(["sh", "-c", "echo mine; sleep 600"]);
    await Promise.all([running(waits.execution.id), running(cancelled.execution.id)]);
    await cancelled.cancel();
    expect(await cancelled.result()).toMatchObject({ outcome: { kind: "cancelled" }, killReason: "cancelled", killed: "swept" });
    expect((await api.client.executions.get(waits.execution.id)).state).toBe("running");
    const goes = await lease.exec(["touch", "go"]);
    expect((await goes.result()).result).toBe("succeeded");
    expect((await waits.result()).outcome).toEqual({ kind: "exited", code: 7 });
    expect(await Promise.all([text(waits.execution.id), text(cancelled.execution.id)])).toEqual(["went\n", "mine\n"]);
    expect((await api.client.leases.get(lease.id)).state).toBe("active");
    // After the end it changes nothing.
    expect((await api.client.executions.cancel(waits.execution.id)).killReason).toBeNull();
  });

  it("I8: run into their timeout, and say what could not be started", async () => {
    await stack.worker();
    await using lease = await api.client.leases.acquire();
    const [slow, none] = await Promise.all([lease.exec(["sleep", "600"], { timeoutMs: 300 }), lease.exec(["no-such-program"])]);
    expect((await slow.result()).outcome).toEqual({ kind: "timed_out" });
    expect((await none.result()).outcome).toMatchObject({ kind: "not_started", reason: "command_not_found" });
    const outside = await lease.exec(["true"], { cwd: "../.." });
    expect((await outside.result()).outcome).toMatchObject({ kind: "not_started", reason: "cwd_outside_workspace" });
  });

  it("I11: get their variables and stdin byte for byte, and the row forgets both when they end", async () => {
    await stack.worker();
    await using lease = await api.client.leases.acquire();
    const stdin = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const command = await lease.exec(["sh", "-c", `${untilThere("go")}; echo "$GIVEN"; od -An -tx1 -v | tr -d " \\n"`], {
      env: { GIVEN: "a 'quoted' value" },
      stdin: stdin.toString("base64"),
    });
    const { id } = command.execution;
    await running(id);
    expect(await findInput(db(), id)).toEqual({ env: { GIVEN: "a 'quoted' value" }, stdin: stdin.toString("base64") });
    expect(JSON.stringify(await api.client.executions.get(id))).not.toMatch(/quoted|AAEC/);
    await (await lease.exec(["touch", "go"])).result();
    await command.result();
    expect(await text(id)).toBe(`a 'quoted' value\n${stdin.toString("hex")}`);
    expect(await findInput(db(), id)).toBeUndefined();
  });

  it("I6: are made once however often the same key asks", async () => {
    await stack.worker();
    await using lease = await api.client.leases.acquire();
    const ask = (command: string) => api.client.leases.execute(lease.id, { command: ["sh", "-c", command] }, { idempotencyKey: "one" });
    const made = await Promise.all(Array.from({ length: 8 }, () => ask("echo started >>starts")));
    expect(new Set(made.map((m) => m.id)).size).toBe(1);
    await api.client.executions.wait(made[0]?.id ?? "");
    const counted = await lease.exec(["cat", "starts"]);
    await counted.result();
    expect(await text(counted.execution.id)).toBe("started\n");
    await expect(ask("false")).rejects.toMatchObject({ status: 409, code: "idempotency_key_reused" });
    await lease.release();
    // The answer to a question that was asked before does not change with the lease.
    expect((await ask("echo started >>starts")).id).toBe(made[0]?.id);
    // Another lease's key is another key.
    await using other = await api.client.leases.acquire();
    expect((await api.client.leases.execute(other.id, { command: ["true"] }, { idempotencyKey: "one" })).id).not.toBe(made[0]?.id);
  });
});

describe("the end of an ad-hoc lease", () => {
  it("I8, I9: ends what runs in it, and what was never started, as lease_ended", async () => {
    const worker = await stack.worker();
    const lease = await active();
    const runs = await api.client.leases.execute(lease.id, { command: ["sh", "-c", "echo up; setsid sleep 600 & sleep 601"] });
    await running(runs.id);
    await worker.stop();
    const waits = await api.client.leases.execute(lease.id, { command: ["sh", "-c", "echo started"], env: { A: "hush" } });
    expect(await api.client.executions.get(waits.id)).toMatchObject({ state: "created", waiting: { code: "no_worker" } });
    await api.client.leases.release(lease.id);
    await stack.worker();
    expect(await api.client.executions.wait(runs.id)).toMatchObject({ outcome: { kind: "lease_ended" }, killed: "swept" });
    expect(await api.client.executions.wait(waits.id)).toMatchObject({ outcome: { kind: "lease_ended" }, startedAt: null, stdoutBytes: 0 });
    expect(await findInput(db(), waits.id)).toBeUndefined();
    await inState(lease.id, "released");
    await nothingLeft();
    await expect(api.client.leases.execute(lease.id, { command: ["true"] })).rejects.toMatchObject({ status: 409, code: "lease_not_active" });
    await expect(api.client.leases.renew(lease.id)).rejects.toMatchObject({ status: 409, code: "lease_not_active", detail: expect.stringContaining("released") as string });
  });

  it("I4: comes when its holder is gone: it expires, and nothing is left", async () => {
    await stack.worker();
    const lease = await active();
    expect(Date.parse(lease.expiresAt ?? "") - Date.now()).toBeLessThan(timing.leaseLife + 5000);
    await api.client.executions.wait((await api.client.leases.execute(lease.id, { command: ["sh", "-c", "echo x >file"] })).id);
    await forget(lease.id);
    await stack.sweep();
    expect((await inState(lease.id, "expired")).failureReason).toBe("not renewed in time");
    await nothingLeft();
  });

  it("I4: comes when its holder is gone before it was there: in time, and nothing was ever made", async () => {
    const lease = await api.client.leases.create({ queueTimeoutMs: 1 });
    expect(lease).toMatchObject({ state: "requested", waiting: { code: "no_worker" } });
    await eventually(async () => {
      await stack.sweep();
      expect(await api.client.leases.get(lease.id)).toMatchObject({ state: "failed", fence: 0, failureReason: "no place became free in time", waiting: null });
    });
    await expect(api.client.leases.acquire({ queueTimeoutMs: 1 }, { onWaiting: () => void stack.sweep() })).rejects.toMatchObject({ code: "lease_not_active" });
  });

  it("I4: is not put off by an execution that nobody takes up, however often it is rung for", async () => {
    const worker = await stack.worker();
    const lease = await active();
    await worker.stop();
    const waits = await api.client.leases.execute(lease.id, { command: ["true"] });
    await db().execute(sql`update executions set due_at = clock_timestamp() where id = ${waits.id}`);
    expect((await stack.sweep()).rung).toBe(1);
    await forget(lease.id);
    expect(await stack.sweep()).toMatchObject({ renewed: 0, expired: 1 });
    await stack.worker();
    expect((await api.client.executions.wait(waits.id)).outcome).toEqual({ kind: "lease_ended" });
    await inState(lease.id, "expired");
    await nothingLeft();
  });

  it("I4: comes at its longest life, whatever is renewed and whatever runs", async () => {
    await stack.worker();
    const made = await api.client.leases.create({ maxLifeMs: 1500 });
    const lease = await inState(made.id, "active");
    expect(Date.parse(lease.maxExpiresAt) - Date.parse(lease.acquiredAt ?? "")).toBeLessThanOrEqual(1600);
    const runs = await api.client.leases.execute(lease.id, { command: ["sleep", "600"] });
    expect((await api.client.leases.renew(lease.id)).expiresAt).toBe(lease.maxExpiresAt);
    await eventually(async () => {
      await stack.sweep();
      expect((await api.client.executions.get(runs.id)).outcome).toEqual({ kind: "lease_ended" });
    });
    await inState(lease.id, "expired");
    await nothingLeft();
  });

  it("I13: waits while a command in it provably lives, though nobody else renews", async () => {
    await stack.worker();
    const lease = await active();
    await db().execute(sql`update environment_leases set expires_at = clock_timestamp() + interval '10 seconds' where id = ${lease.id}`);
    const runs = await api.client.leases.execute(lease.id, { command: ["sleep", "600"] });
    await eventually(async () => expect(Date.parse((await api.client.leases.get(lease.id)).expiresAt ?? "") - Date.now()).toBeGreaterThan(timing.leaseLife - 20_000));
    await api.client.executions.cancel(runs.id);
    await api.client.executions.wait(runs.id);
    await api.client.leases.release(lease.id);
  });

  it("takes its executions and their output along when it is purged", async () => {
    await stack.worker();
    const lease = await api.client.leases.acquire();
    await (await lease.exec(["echo", "out"])).result();
    await lease.release();
    await inState(lease.id, "released");
    await db().execute(sql`update environment_leases set released_at = released_at - interval '31 days' where id = ${lease.id}`);
    expect(await purge({ db: db(), bells: stack.base.bells, log: stack.base.log, who: "test" })).toMatchObject({ leases: 1 });
    const [left] = [...(await db().execute(sql`select (select count(*)::int from executions) as executions, (select count(*)::int from execution_output) as outputs, (select count(*)::int from lease_events) as events`))];
    expect(left).toEqual({ executions: 0, outputs: 0, events: 0 });
  });
});

describe("a held lease", () => {
  it("that is called off while it waits is given back", async () => {
    const stop = new AbortController();
    let id = "";
    const acquiring = api.client.leases.acquire({}, { signal: stop.signal, onWaiting: (lease) => ((id = lease.id), stop.abort(new Error("enough"))) });
    await expect(acquiring).rejects.toThrow();
    expect((await api.client.leases.get(id)).state).toBe("expired");
  });

  it("renews itself while its process does nothing but hold it, and tells when it has ended", async () => {
    await stack.worker();
    const lease = await api.client.leases.acquire({}, { renewEveryMs: 50 });
    const before = await api.client.leases.get(lease.id);
    await eventually(async () => expect((await api.client.leases.get(lease.id)).expiresAt).not.toBe(before.expiresAt));
    expect(lease.lost.aborted).toBe(false);
    await api.client.leases.release(lease.id);
    await eventually(() => expect(lease.lost.reason).toMatchObject({ code: "lease_not_active" }));
  });
});

describe("two who meet over a lease", () => {
  it("I6: a command asked for while the lease ends is refused, or is ended with it; it is never left behind", async () => {
    await stack.worker();
    for (let round = 0; round < 2; round++) {
      const lease = await active();
      const asks = Array.from({ length: 6 }, () => requestExecution({ db: db(), bells: stack.base.bells }, stack.companyId, lease.id, undefined, { command: ["true"] }).catch((error: unknown) => error));
      const [made] = await Promise.all([Promise.all(asks), api.client.leases.release(lease.id)]);
      await eventually(async () => {
        await stack.sweep();
        expect((await findLease(db(), lease.id))?.state).toBe("released");
      });
      for (const one of made) {
        if (one instanceof Error) expect(one).toMatchObject({ code: "lease_not_active" });
        else expect((await api.client.executions.get((one as { execution: { id: string } }).execution.id)).state).toBe("final");
      }
    }
    await nothingLeft();
  });
});
