import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openPatientConnection } from "../../queues/connection.ts";
import { openWorkerFleet } from "../../src/app/worker.ts";
import { findExecution } from "../../src/db/executions.ts";
import { findLease } from "../../src/db/leases.ts";
import { claimStep, endStep } from "../../src/db/runs.ts";
import { newClaim } from "../../src/domain/claim.ts";
import { acquireClaimed, nextLeases } from "../../src/leases/acquire.ts";
import type { WorkerFleet } from "../../src/leases/fleet.ts";
import { readOutput } from "../../src/db/output.ts";
import { cancelRun } from "../../src/runs/cancel.ts";
import { eventually } from "../support/eventually.ts";
import { leftovers } from "../support/fleet.ts";
import { startStack, type Stack } from "../support/stack.ts";

let stack: Stack;
beforeEach(async () => {
  stack = await startStack();
});
afterEach(() => stack.close());

const cancel = (runId: string) => cancelRun({ db: stack.base.database.db, bells: stack.base.bells }, stack.companyId, runId);
const running = (runId: string) =>
  eventually(async () => {
    const now = await stack.situation(runId);
    if (now.execution?.state !== "running") throw new Error(now.run.phase);
    return now;
  });
const output = async (executionId: string): Promise<string> => {
  let text = "";
  for (let at = 0; ; at = Buffer.byteLength(text)) {
    const bytes = await readOutput(stack.base.database.db, executionId, "stdout", at);
    if (bytes.length === 0) return text;
    text += bytes.toString();
  }
};
const nothingLeft = () => eventually(async () => expect(await leftovers(stack.config.dataDir)).toEqual([]));

/** Background, setsid, double-forked and TERM-ignoring children, each a sleep that nobody waits for. */
const family = `sleep 600 & setsid sleep 601 & (setsid sh -c 'sleep 602 &' &) ; sh -c 'trap "" TERM; sleep 603; sleep 604' & echo up; wait`;

/** Takes the next lease to active; false when there is none. */
async function acquireOne(fleet: WorkerFleet): Promise<boolean> {
  const claimed = await nextLeases(fleet, "local", false)();
  if (claimed !== null) await acquireClaimed(fleet, claimed);
  return claimed !== null;
}

describe("cancel", () => {
  it("I4: a run nobody has looked at yet", async () => {
    const run = await stack.submit({ command: ["true"] });
    await cancel(run.id);
    await stack.worker();
    const { run: ended, lease } = await stack.ended(run.id);
    expect(ended.outcome).toEqual({ kind: "cancelled" });
    expect(lease).toBeNull();
  });

  it("I4: a run that waits for a slot; nothing was ever made for it", async () => {
    await stack.base.database.db.execute(sql`insert into environments (id, company_id, name, driver, backend, max_leases) values (gen_random_uuid(), ${stack.companyId}, 'Local', 'local', 'local', 1)`);
    await stack.worker();
    const first = await stack.submit({ command: ["sleep", "600"] });
    await running(first.id);
    const second = await stack.submit({ command: ["true"] });
    await eventually(async () => expect((await stack.situation(second.id)).lease?.state).toBe("requested"));
    await cancel(second.id);
    const { run, lease } = await stack.ended(second.id);
    expect(run.outcome).toEqual({ kind: "cancelled" });
    expect(lease).toMatchObject({ state: "expired", fence: 0 });
    await cancel(first.id);
    expect((await stack.ended(first.id)).run.outcome).toEqual({ kind: "cancelled" });
    await nothingLeft();
  });

  it("I8, I9: a running tree with background, setsid and double-forked children, all ended", async () => {
    await stack.worker();
    const run = await stack.submit({ command: ["sh", "-c", family] });
    const { execution } = await running(run.id);
    await eventually(async () => expect(await output(execution?.id ?? "")).toBe("up\n"));
    await cancel(run.id);
    await eventually(async () => expect((await findExecution(stack.base.database.db, execution?.id ?? ""))?.killReason).toBe("cancelled"));
    const { run: ended, lease, execution: final } = await stack.ended(run.id);
    expect(ended.outcome).toEqual({ kind: "cancelled" });
    expect(final).toMatchObject({ killed: "swept", outputComplete: true });
    expect(lease?.state).toBe("expired");
    await nothingLeft();
  });

  it("I8: after the end changes nothing", async () => {
    await stack.worker();
    const run = await stack.submit({ command: ["true"] });
    await stack.ended(run.id);
    expect((await cancel(run.id)).outcome).toEqual({ kind: "exited", code: 0 });
  });

  it("is answered when the command has no time to notice: TERM ignored, KILL after the grace", async () => {
    await stack.worker();
    const run = await stack.submit({ command: ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"] });
    const { execution } = await running(run.id);
    await eventually(async () => expect(await output(execution?.id ?? "")).toBe("up\n"));
    await cancel(run.id);
    expect((await stack.ended(run.id)).run.outcome).toEqual({ kind: "cancelled" });
    await nothingLeft();
  });
});

describe("a command ends", () => {
  it("I8: by its timeout", async () => {
    await stack.worker();
    const run = await stack.submit({ command: ["sh", "-c", "echo begun; sleep 600"], timeoutMs: 500 });
    const { run: ended, lease, execution } = await stack.ended(run.id);
    expect(ended.outcome).toEqual({ kind: "timed_out" });
    expect(execution).toMatchObject({ killed: "swept", stdoutBytes: 6 });
    expect(lease?.state).toBe("failed");
    await nothingLeft();
  });

  it("I8: by a signal of its own", async () => {
    await stack.worker();
    const run = await stack.submit({ command: ["sh", "-c", "kill -SEGV $$"] });
    expect((await stack.ended(run.id)).run.outcome).toMatchObject({ kind: "signalled", signal: "SIGSEGV" });
  });

  it("I8: with 137 of its own, which is no signal", async () => {
    await stack.worker();
    const run = await stack.submit({ command: ["sh", "-c", "exit 137"] });
    expect((await stack.ended(run.id)).run.outcome).toEqual({ kind: "exited", code: 137 });
  });

  it("I8: not at all, because there is no such program", async () => {
    await stack.worker();
    const run = await stack.submit({ command: ["no-such-program"] });
    const { run: ended, execution } = await stack.ended(run.id);
    expect(ended.outcome).toMatchObject({ kind: "not_started", reason: "command_not_found" });
    expect(execution?.outputComplete).toBe(true);
  });

  it("I8: not at all, because its directory is outside the workspace", async () => {
    await stack.worker();
    const run = await stack.submit({ command: ["true"], cwd: "../.." });
    expect((await stack.ended(run.id)).run.outcome).toMatchObject({ kind: "not_started", reason: "cwd_outside_workspace" });
  });

  it("I4: when its lease is not renewed, and the supervisor's place is given back", async () => {
    await stack.worker();
    const run = await stack.submit({ command: ["sleep", "600"] });
    const { lease } = await running(run.id);
    await stack.base.database.db.execute(sql`update environment_leases set expires_at = clock_timestamp() - interval '1 second', max_expires_at = clock_timestamp() where id = ${lease?.id}`);
    const { run: ended, execution } = await stack.ended(run.id);
    expect(ended.outcome).toEqual({ kind: "lease_ended" });
    expect(execution?.killed).toBe("swept");
    expect((await findLease(stack.base.database.db, lease?.id ?? ""))?.state).toBe("expired");
    await nothingLeft();
  });

  it("I6: as lost, when its supervisor was killed; what it left is ended, and it is not run again", async () => {
    await stack.worker();
    const run = await stack.submit({ command: ["sh", "-c", "echo once; sleep 600"] });
    const { execution, lease } = await running(run.id);
    await eventually(async () => expect(await output(execution?.id ?? "")).toBe("once\n"));
    const directory = join(stack.config.dataDir, "leases", lease?.id ?? "", "control", "x", execution?.id ?? "");
    process.kill(Number((await readFile(join(directory, "notes"), "utf8")).split("\n")[4]?.split(" ")[0]), "SIGKILL");
    const { run: ended, execution: final } = await stack.ended(run.id);
    expect(ended.outcome).toMatchObject({ kind: "lost" });
    expect(final).toMatchObject({ killed: "swept", outputComplete: false, stdoutDropped: null, stdoutBytes: 5 });
    await nothingLeft();
  });

  it("I4, I7: though output that its record counts is gone: the gap is told, and nobody waits for it", async () => {
    const worker = await stack.worker();
    const run = await stack.submit({ command: ["sh", "-c", "echo kept; sleep 1; echo gone"] });
    const { execution, lease } = await running(run.id);
    await eventually(async () => expect(await output(execution?.id ?? "")).toBe("kept\n"));
    await worker.stop();
    const directory = join(stack.config.dataDir, "leases", lease?.id ?? "", "control", "x", execution?.id ?? "");
    await eventually(async () => expect(await readdir(directory)).toContain("rc"));
    await truncate(join(directory, "out"), 5);
    await stack.worker();
    const { run: ended, execution: final } = await stack.ended(run.id);
    expect(ended.outcome).toEqual({ kind: "exited", code: 0 });
    expect(final).toMatchObject({ stdoutBytes: 5, stdoutDropped: null, outputComplete: false });
  });

  for (const [what, removal] of [["marker", 'rm "$HOME/../control/marker"'], ["execution's directory", 'rm -r "$HOME/../control/x"'], ["whole place", 'rm -rf "$HOME/../"*; cd /; rm -rf "${HOME%/home}"']] as const) {
    it(`I9: when the command removed its ${what}: as lost or cancelled, and it does not get away`, async () => {
      await stack.worker();
      const run = await stack.submit({ command: ["sh", "-c", `${removal}; exec sleep 600`] });
      await eventually(async () => expect(["running", "final"]).toContain((await stack.situation(run.id)).execution?.state));
      await cancel(run.id);
      const { run: ended, lease } = await stack.ended(run.id);
      expect(["lost", "cancelled"]).toContain(ended.outcome?.kind);
      expect(["failed", "expired"]).toContain(lease?.state);
      await nothingLeft();
    });
  }

  it("I4: when nobody can reach it any more: the lease is stuck and says why, the run ends as lost", async () => {
    const worker = await stack.worker();
    const run = await stack.submit({ command: ["sleep", "600"] });
    const { lease, execution } = await running(run.id);
    await worker.stop();
    const handle = async (json: string) => stack.base.database.db.execute(sql`update environment_leases set handle = ${json}::jsonb where id = ${lease?.id}`);
    await handle('{"v":99}');
    await stack.base.database.db.execute(sql`update environment_leases set expires_at = clock_timestamp(), max_expires_at = clock_timestamp() where id = ${lease?.id}`);
    await stack.worker();
    const soon = async () => stack.base.database.db.execute(sql`update environment_leases set due_at = clock_timestamp() where id = ${lease?.id} and status = 'releasing' and claim_token is null`);
    await eventually(
      async () => {
        await soon();
        await stack.sweep();
        expect((await stack.situation(run.id)).run.phase).toBe("ended");
      },
      { timeoutMs: 40_000 },
    );
    const { run: ended, lease: stuck } = await stack.situation(run.id);
    expect(ended.outcome).toMatchObject({ kind: "lost" });
    expect(stuck).toMatchObject({ state: "stuck", failureReason: expect.stringContaining(execution?.id ?? "") as string });
    await handle(JSON.stringify(lease?.handle));
    await stack.base.database.db.execute(sql`update environment_leases set due_at = clock_timestamp() where id = ${lease?.id}`);
    await eventually(async () => {
      await soon();
      await stack.sweep();
      expect((await findLease(stack.base.database.db, lease?.id ?? ""))?.state).toBe("expired");
    });
    await nothingLeft();
  });

  it("I7: with more output than is kept: the kept part is a prefix, the rest is counted", async () => {
    await stack.worker();
    const run = await stack.submit({ command: ["sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo end >&2"], outputLimit: 1000 });
    const { execution } = await stack.ended(run.id);
    expect(execution).toMatchObject({ stdoutBytes: 1000, stdoutDropped: 99_000, stderrBytes: 4, stderrDropped: 0, outputComplete: false });
    expect(await output(execution?.id ?? "")).toBe("x".repeat(1000));
  });
});

describe("what a command is given", () => {
  it("only its own environment, its own places, and stdin byte for byte", async () => {
    await stack.worker();
    const stdin = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const run = await stack.submit({ command: ["sh", "-c", "env | cut -d= -f1 | sort; echo $GIVEN; pwd; od -An -tx1 -v | tr -d ' \\n'"], env: { GIVEN: "a 'quoted' \n value" }, stdin: stdin.toString("base64") });
    const { execution, lease } = await stack.ended(run.id);
    const text = await output(execution?.id ?? "");
    expect(text).toContain(stdin.toString("hex"));
    expect(text).toContain(`${stack.config.dataDir}/leases/${lease?.id}/workspace`);
    expect(text.split("\n").filter((name) => /^[A-Z_]+$/.test(name))).toEqual(["GIVEN", "HOME", "LEASEHOLD_EXECUTION", "LEASEHOLD_LEASE", "LEASEHOLD_RUN", "PATH", "PWD", "TMPDIR"]);
  });

  it("2 MB of environment is refused before anything is written down", async () => {
    await expect(stack.submit({ command: ["true"], env: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`V${i}`, "x".repeat(100_000)])) })).rejects.toMatchObject({ kind: "invalid", code: "request_invalid" });
  });

  it("half a surrogate pair is refused with the field's name", async () => {
    await expect(stack.submit({ command: ["echo", "\ud800"] })).rejects.toMatchObject({ kind: "invalid", faults: [{ field: "request.command.1" }] });
  });

  it("NUL in an argument is refused with the field's name", async () => {
    await expect(stack.submit({ command: ["printf", "a\0b"] })).rejects.toMatchObject({ kind: "invalid", faults: [{ field: "request.command.1" }] });
  });
});

describe("a host path as workspace", () => {
  const asks = (path: string) => stack.submit({ command: ["ls"], workspace: { kind: "host_path", path } });

  it("is copied in where the configuration allows it, and the original stays as it is", async () => {
    await stack.close();
    const source = join(process.cwd(), "examples/roman");
    stack = await startStack({ workspacePaths: [process.cwd()] });
    await stack.worker();
    const before = await readdir(source);
    const run = await stack.submit({ command: ["sh", "-c", "ls; rm -r *"], workspace: { kind: "host_path", path: source } });
    const { run: ended, execution } = await stack.ended(run.id);
    expect(ended.outcome).toEqual({ kind: "exited", code: 0 });
    expect((await output(execution?.id ?? "")).split("\n").slice(0, -1)).toEqual(before.toSorted());
    expect(await readdir(source)).toEqual(before);
    const file = await asks(join(source, "package.json"));
    expect((await stack.ended(file.id)).run.outcome).toMatchObject({ kind: "not_started", reason: "workspace_not_directory" });
    const missing = await asks(join(source, "nothing"));
    expect((await stack.ended(missing.id)).run.outcome).toMatchObject({ kind: "not_started", reason: "workspace_not_found" });
    await nothingLeft();
  });

  it("I13: is put in though the worker that had begun is gone and its bell too", async () => {
    await stack.close();
    stack = await startStack({ workspacePaths: [process.cwd()] });
    await stack.worker({ backends: [] });
    const run = await stack.submit({ command: ["ls"], workspace: { kind: "host_path", path: join(process.cwd(), "examples/roman") } });
    const acquirer = await openWorkerFleet(stack.config, stack.base);
    await eventually(async () => expect(await acquireOne(acquirer.fleet)).toBe(true));
    await eventually(async () => expect((await stack.situation(run.id)).run.phase).toBe("realizing"));
    expect(await claimStep(stack.base.database.db, run.id, "realizing", newClaim("dead"))).not.toBeNull();
    await stack.base.database.db.execute(sql`update runs set claim_until = clock_timestamp() - interval '1 second', due_at = clock_timestamp()`);
    const redis = openPatientConnection({ url: stack.config.redisUrl ?? "", prefix: stack.config.queuePrefix }, () => {});
    const keys = await redis.keys(`${stack.config.queuePrefix}:local.realize*`);
    if (keys.length > 0) await redis.del(...keys);
    redis.disconnect();
    await stack.worker();
    expect((await stack.ended(run.id)).run.outcome).toEqual({ kind: "exited", code: 0 });
    await acquirer.close();
  });

  it("is refused where it does not, naming the setting", async () => {
    await stack.worker();
    const run = await asks("/etc");
    const { run: ended, lease } = await stack.ended(run.id);
    expect(ended.outcome).toMatchObject({ kind: "not_started", reason: "workspace_not_allowed", message: expect.stringContaining("LEASEHOLD_WORKSPACE_PATHS") as string });
    expect(lease?.state).toBe("failed");
  });
});

describe("a step that failed for now", () => {
  it("I4: is not tried before its time, however often somebody rings", async () => {
    const { db } = stack.base.database;
    await stack.worker({ backends: [] });
    const run = await stack.submit({ command: ["ls"], workspace: { kind: "host_path", path: process.cwd() } });
    const place = await openWorkerFleet(stack.config, stack.base);
    await eventually(async () => expect(await acquireOne(place.fleet)).toBe(true));
    await eventually(async () => expect((await stack.situation(run.id)).run.phase).toBe("realizing"));
    const claim = newClaim("me");
    const claimed = await claimStep(db, run.id, "realizing", claim);
    if (claimed === null) throw new Error("not claimed");
    expect(await endStep(db, claimed, claim, { kind: "again", afterMs: 60_000 })).toBe(true);
    expect(await claimStep(db, run.id, "realizing", newClaim("early"))).toBeNull();
    await db.execute(sql`update runs set step_after = clock_timestamp()`);
    expect((await claimStep(db, run.id, "realizing", newClaim("later")))?.attempt).toBe(2);
    await place.close();
  });
});

describe("a home without space", () => {
  // Only root can mount a small disk; whoever is not has the same at the place alone, in test/session/output.test.ts.
  it.runIf(process.getuid?.() === 0)("I4, I7, I8: ends with the command's own code, tells what was not kept, and is given back", async () => {
    const disk = join(stack.config.dataDir, "leases");
    await mkdir(disk, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]);
    try {
      await stack.worker();
      // It fills the disk only when what it said before is on it.
      const run = await stack.submit({ command: ["sh", "-c", 'echo before; until [ -s "$HOME/../control/x/$LEASEHOLD_EXECUTION/out" ]; do :; done; cat /dev/zero >"$HOME/fill"; code=$?; head -c 1000000 /dev/zero; exit $((code + 40))'] });
      const { run: ended, lease, execution } = await stack.ended(run.id);
      expect(ended.outcome).toEqual({ kind: "exited", code: 41 });
      expect(execution).toMatchObject({ state: "final", outputComplete: false, stdoutDropped: null });
      expect(await output(execution?.id ?? "")).toMatch(/^before\n\0*$/);
      expect(lease?.state).toBe("failed");
      await nothingLeft();
      // The space came back with the lease.
      expect((await stack.ended((await stack.submit({ command: ["true"] })).id)).run.outcome).toEqual({ kind: "exited", code: 0 });
    } finally {
      execFileSync("umount", ["--lazy", disk]);
    }
  });
});
