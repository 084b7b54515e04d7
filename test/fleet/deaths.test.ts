import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openRingingConnection } from "../../queues/connection.ts";
import { readOutput } from "../../src/db/output.ts";
import { eventually } from "../support/eventually.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { printed, ticker, wholeRun } from "../support/ticker.ts";
import { untilThere } from "../support/shell.ts";

let fleet: TestFleet;
beforeEach(async () => {
  fleet = await startTestFleet();
});
afterEach(async () => {
  await fleet.close();
});

const expectWhole = (runId: string, timeoutMs?: number) => wholeRun(fleet, runId, timeoutMs);


describe("a run survives", () => {
  it("I4, I6, I7: SIGKILL of the executing worker", async () => {
    await fleet.reaper();
    await fleet.worker();
    await fleet.worker();
    const run = await fleet.submit({ command: ticker(60) });
    await fleet.until(run.id, printed(50));
    const first = await fleet.executor(run.id);
    first.signal("SIGKILL");
    const second = await fleet.until(run.id, (now) => now.execution?.claimOwner != null && !now.execution.claimOwner.includes(` ${first.pid} `), 20_000);
    expect(second.execution?.offer).toBe(2);
    await expectWhole(run.id);
  });

  it("I4, I6: SIGKILL of the run worker before anything was decided, and after", async () => {
    await fleet.reaper();
    const decider = await fleet.worker("");
    const run = await fleet.submit({ command: ticker(3) });
    await fleet.until(run.id, (now) => now.run.phase === "acquiring");
    decider.signal("SIGKILL");
    await fleet.worker();
    await expectWhole(run.id);
  });

  it("I4: SIGKILL of the reaper, with another one and without", async () => {
    const reaper = await fleet.reaper();
    await fleet.worker();
    const run = await fleet.submit({ command: ticker(40) });
    await fleet.until(run.id, printed(50));
    reaper.signal("SIGKILL");
    await expectWhole(run.id);
  });

  it("I13: SIGKILL of Redis in the middle, and all its data lost", async () => {
    await fleet.reaper();
    await fleet.worker();
    const running = await fleet.submit({ command: ticker(60) });
    await fleet.until(running.id, printed(50));
    const redis = openRingingConnection({ url: fleet.services.redisUrl, prefix: "" }, () => {});
    await eventually(() => redis.flushall());
    process.kill(fleet.services.redis.pid, "SIGKILL");
    redis.disconnect();
    const accepted = await fleet.submit({ command: ticker(3) });
    await expectWhole(running.id);
    await expectWhole(accepted.id);
  });

  it("I13: Redis flushed while runs are in every phase", async () => {
    await fleet.reaper();
    await fleet.worker();
    const redis = openRingingConnection({ url: fleet.services.redisUrl, prefix: "" }, () => {});
    const runs = await Promise.all(Array.from({ length: 20 }, (_, i) => fleet.submit({ command: ticker(1 + i) })));
    await fleet.until(runs[10]?.id ?? "", (now) => now.run.phase !== "accepted");
    await eventually(() => redis.flushall());
    redis.disconnect();
    for (const run of runs) await expectWhole(run.id);
  });

  it("I13: SIGKILL of Postgres in the middle", async () => {
    await fleet.reaper();
    await fleet.worker();
    const run = await fleet.submit({ command: ticker(100) });
    await fleet.until(run.id, printed(50));
    process.kill(fleet.services.postgres.pid, "SIGKILL");
    await eventually(() => expectWhole(run.id), { timeoutMs: 50_000 });
  });

  it("I7: what Postgres takes back when it dies, after the last byte was read and before the end is written down", async () => {
    await fleet.reaper();
    await fleet.worker();
    const file = join(fleet.config.dataDir, "go-on");
    const run = await fleet.submit({ command: ["sh", "-c", `echo everything; ${untilThere(file)}`] });
    const { execution } = await fleet.until(run.id, printed(0));
    // As a crash does with commits that did not wait for the disk: count and bytes are back where they were, together.
    await fleet.base.database.db.execute(sql`with bytes as (delete from execution_output where execution_id = ${execution?.id})
      update executions set stdout_bytes = 0, first_output_at = null where id = ${execution?.id}`);
    await writeFile(file, "");
    const ended = await fleet.ended(run.id);
    expect(ended.run.outcome).toEqual({ kind: "exited", code: 0 });
    expect(ended.execution).toMatchObject({ offer: 2, outputComplete: true, stdoutDropped: 0 });
    expect((await readOutput(fleet.base.database.db, execution?.id ?? "", "stdout", 0)).toString()).toBe("everything\n");
  });

  it("I5, I6: SIGSTOP of a worker past its claim, a takeover, and SIGCONT", async () => {
    await fleet.reaper();
    await fleet.worker();
    await fleet.worker();
    const run = await fleet.submit({ command: ticker(260) });
    await fleet.until(run.id, printed(50));
    const sleeper = await fleet.executor(run.id);
    sleeper.signal("SIGSTOP");
    await fleet.until(run.id, (now) => now.execution?.offer === 2 && now.execution.claimOwner !== null, 20_000);
    const taken = await fleet.situation(run.id);
    sleeper.signal("SIGCONT");
    await expectWhole(run.id);
    expect((await fleet.situation(run.id)).execution?.offer).toBe(taken.execution?.offer);
  });

  it("I7: 200 MB of random bytes under two worker deaths, byte for byte", async () => {
    await fleet.reaper();
    await fleet.worker();
    await fleet.worker();
    const megabytes = 200;
    const run = await fleet.submit({ command: ["sh", "-c", `head -c ${megabytes * 1024 * 1024} /dev/urandom >data; sha256sum data >&2; cat data`] });
    for (const [i, mark] of [20, 90].entries()) {
      await fleet.until(run.id, printed(mark * 1024 * 1024));
      (await fleet.executor(run.id)).signal("SIGKILL");
      if (i === 0) await fleet.worker();
    }
    await expectWhole(run.id, 60_000);
    expect((await fleet.situation(run.id)).execution).toMatchObject({ stdoutBytes: megabytes * 1024 * 1024, offer: 3 });
  });

  it("I6: SIGTERM of a worker hands its command on at once", async () => {
    await fleet.reaper();
    await fleet.worker();
    const run = await fleet.submit({ command: ticker(60) });
    await fleet.until(run.id, printed(50));
    const first = await fleet.executor(run.id);
    await fleet.worker();
    first.signal("SIGTERM");
    await first.gone;
    await fleet.until(run.id, (now) => now.execution?.offer === 2 && now.execution.claimOwner !== null, 3000);
    await expectWhole(run.id);
  });
});
