import { Queue } from "bullmq";
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { catalog } from "../../queues/catalog.ts";
import { clockOf, openPatientConnection, type RedisAddress } from "../../queues/connection.ts";
import { openProbes, type QueueProbes } from "../../queues/probes.ts";
import { refused } from "../../src/domain/errors.ts";
import type { Driver, ProbeResult } from "../../src/drivers/driver.ts";
import { localDriver } from "../../src/drivers/local/driver.ts";
import { eventually } from "../support/eventually.ts";
import { startProber } from "../support/prober.ts";
import { quietLog } from "../support/quiet-log.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { type Mortal, startMortal } from "./crash/mortal.ts";

let stack: Stack;
let address: RedisAddress;
let probes: QueueProbes;
let redis: ReturnType<typeof openPatientConnection>;
let queue: Queue;
beforeEach(async () => {
  stack = await startStack();
  address = { url: stack.config.redisUrl ?? "", prefix: stack.config.queuePrefix };
  probes = openProbes(address, quietLog);
  redis = openPatientConnection(address, () => {});
  queue = new Queue(catalog.probe.queue("local", null), { connection: redis, prefix: address.prefix, skipVersionCheck: true });
});
afterEach(async () => {
  await probes.close();
  await queue.close();
  redis.disconnect();
  await stack.close();
});

const jobs = () => queue.getJobCounts("wait", "active", "delayed", "completed", "failed");
const none = { wait: 0, active: 0, delayed: 0, completed: 0, failed: 0 };
const well: ProbeResult = { ok: true, summary: "well", diagnostics: [] };

/** A driver that does to a probe what the config says. */
function moody(seen: unknown[] = []): Driver {
  const moods: Record<string, () => Promise<ProbeResult>> = {
    well: async () => well,
    hang: () => new Promise(() => {}),
    bug: () => {
      throw new TypeError("no such field");
    },
    refuse: async () => {
      throw refused("host_key_changed", "the host key has changed");
    },
    mumble: async () => ({ ...well, ok: "perhaps" }) as unknown as ProbeResult,
  };
  const config = z.strictObject({ mood: z.string() });
  return {
    ...localDriver({ root: `${stack.config.dataDir}/moody`, installation: randomUUID() }),
    config,
    probe: async (_context, given) => {
      seen.push(given);
      return (moods[config.parse(given).mood] ?? moods["well"])?.() ?? well;
    },
  };
}

describe("a driver that cannot look", () => {
  it.each([
    ["bug", /could not look: no such field/],
    ["refuse", /the host key has changed/],
    ["mumble", /probe\.ok/],
  ])("%s: is told to who asked, and is no failed job", async (mood, words) => {
    await using _ = await startProber(stack.base.database.db, address, moody());
    await expect(probes.ask({ backend: "local", config: { mood } })).rejects.toMatchObject({ kind: "transient", code: "probe_failed", message: expect.stringMatching(words) });
    expect(await probes.ask({ backend: "local", config: { mood: "well" } })).toMatchObject({ ok: true, summary: "well" });
    await eventually(async () => expect(await jobs()).toEqual(none));
  });

  it("is told to who asked when its worker stops", async () => {
    const seen: unknown[] = [];
    const prober = await startProber(stack.base.database.db, address, moody(seen));
    const asked = probes.ask({ backend: "local", config: { mood: "hang" } });
    await eventually(() => expect(seen).toHaveLength(1));
    await Promise.all([expect(asked).rejects.toMatchObject({ code: "probe_failed", message: expect.stringContaining("stops") }), prober[Symbol.asyncDispose]()]);
  });

  it("holds nobody up when it hears nothing: more of them than the worker does at once", async () => {
    await using _ = await startProber(stack.base.database.db, address, moody());
    const hung = Array.from({ length: 4 }, () => probes.ask({ backend: "local", config: { mood: "hang" }, withinMs: 400 }));
    // Two are at once under way; what waits for them has come too late when its turn comes.
    const ends = await Promise.allSettled(hung);
    for (const end of ends) expect(end).toMatchObject({ status: "rejected", reason: { code: "probe_failed", message: expect.stringMatching(/did not answer within \d+ ms|busy until the question was too old/) } });
    expect(ends.filter((end) => String((end as PromiseRejectedResult).reason).includes("did not answer")).length).toBeGreaterThanOrEqual(2);
    expect(await probes.ask({ backend: "local", config: { mood: "well" } })).toMatchObject({ ok: true });
    await eventually(async () => expect(await jobs()).toEqual(none));
  });
});

describe("a question", () => {
  it("that nobody takes is answered in time, and taken back", async () => {
    const began = performance.now();
    await expect(probes.ask({ backend: "local", config: {}, withinMs: 1 })).rejects.toMatchObject({ kind: "transient", code: "probe_failed", message: expect.stringContaining("no worker of local answered") });
    expect(performance.now() - began).toBeLessThan(8000);
    await eventually(async () => expect(await jobs()).toEqual(none));
    expect(await redis.pubsub("CHANNELS", `${address.prefix}:answer:*`)).toEqual([]);
  });

  it("whose asker has left is dropped, and the driver is not bothered", async () => {
    const seen: unknown[] = [];
    const past = (await clockOf(redis)) - 1;
    const late = await queue.add("probe", { v: 1, probe: { id: randomUUID(), config: { mood: "late" }, expiresAt: past } });
    await using _ = await startProber(stack.base.database.db, address, moody(seen));
    await eventually(async () => expect((await queue.getJob(late.id ?? ""))?.returnvalue).toContain("dropped"));
    await probes.ask({ backend: "local", config: { mood: "well" } });
    expect(seen).toEqual([{ mood: "well" }]);
  });

  it("in a wrong form fails for good with the reason, and blocks nobody", async () => {
    await using _ = await startProber(stack.base.database.db, address, moody());
    const id = randomUUID();
    const bad: [unknown, string][] = [
      [{ v: 1, probe: {} }, "payload.probe.expiresAt"],
      [{ v: 0, probe: { id, config: {}, expiresAt: 1 } }, "payload.v"],
      [{ v: 1, probe: { id, config: "all", expiresAt: 1 } }, "payload.probe.config"],
      [{ v: 1, probe: { id: "mine", config: {}, expiresAt: 1 } }, "payload.probe.id"],
      [{ v: 1, probe: { id, config: {}, expiresAt: 1, backend: "ssh" } }, "payload.probe.backend"],
      [{ v: 1, prob: {} }, "payload.prob"],
    ];
    for (const [data, said] of bad) {
      const added = await queue.add("probe", data);
      await eventually(async () => {
        const job = await queue.getJob(added.id ?? "");
        expect(await job?.getState()).toBe("failed");
        expect([job?.failedReason.includes(said), job?.attemptsMade]).toEqual([true, 1]);
      });
    }
    expect(await probes.ask({ backend: "local", config: { mood: "well" } })).toMatchObject({ ok: true });
  });

  it("cannot be put while Redis is away, which is said within seconds", async () => {
    const away = openProbes({ ...address, url: "redis://127.0.0.1:1" }, quietLog);
    const began = performance.now();
    await expect(away.ask({ backend: "local", config: {} })).rejects.toMatchObject({ kind: "transient", code: "probe_failed", message: expect.stringContaining("Redis") });
    expect(performance.now() - began).toBeLessThan(5000);
    await away.close();
  });

  it("of somebody who has left before it was put is not put", async () => {
    await expect(probes.ask({ backend: "local", config: {}, signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: "cancelled" });
    await eventually(async () => expect(await jobs()).toEqual(none));
  });
});

describe("a worker that dies while it looks", () => {
  const mortals: Mortal[] = [];
  afterEach(async () => {
    for (const mortal of mortals.splice(0)) {
      mortal.signal("SIGKILL");
      await mortal.gone;
    }
  });

  /** A worker of its own process that is killed in the middle of its first probe: when it asks how much room a disk has. */
  async function dyingWorker(): Promise<Mortal> {
    const mortal = startMortal(stack.config, ["worker", "local"], { known: ["fs statfs"], die: { which: 0, nth: 1, when: "before" } });
    mortals.push(mortal);
    await mortal.ready;
    return mortal;
  }

  it("leaves its asker with a clear answer in bounded time", async () => {
    const { gone } = await dyingWorker();
    const asked = probes.ask({ backend: "local", config: {}, withinMs: 1000 });
    await expect(asked).rejects.toMatchObject({ kind: "transient", code: "probe_failed", message: "no worker of local answered within 6 seconds; see whether its workers are well" });
    expect(await gone).toBe("SIGKILL");
  });

  it("is replaced by another, if there is one", async () => {
    const { gone } = await dyingWorker();
    const asked = probes.ask({ backend: "local", config: {} });
    expect(await gone).toBe("SIGKILL");
    await stack.worker();
    expect(await asked).toMatchObject({ ok: true });
  });
});
