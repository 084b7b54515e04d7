import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callContext, command, installation } from "../session/local-lease.ts";
import { executionPlace } from "../../src/session/place.ts";
import { eventually } from "../support/eventually.ts";
import { fakeProvider, type FakeProvider } from "./fake-lease.ts";

const entry = fileURLToPath(new URL("./fake-child.mjs", import.meta.url));
let fake: FakeProvider;
const children: ChildProcess[] = [];
beforeEach(() => {
  fake = fakeProvider();
});
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  fake.remove();
});

interface Said {
  readonly key: string;
  readonly config: Record<string, unknown>;
}

function start(what: string): { child: ChildProcess; said: Said[] } {
  const child = fork(entry, [fake.root, installation, what]);
  const said: Said[] = [];
  child.on("message", (message) => said.push(message as Said));
  children.push(child);
  return { child, said };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

describe("the provider survives the processes that use it", () => {
  it("I2: killed anywhere, again and again: what is there is whole, every key can be released, and then nothing is left", async () => {
    const keys: string[] = [];
    for (let round = 1; round <= 6; round++) {
      const { child, said } = start("churn");
      await eventually(() => expect(said.length).toBeGreaterThan(round * 3));
      await kill(child);
      keys.push(...said.map((one) => one.key));
    }
    const listed = (await fake.inventory()).map((one) => one.key);
    for (const key of listed) expect(keys).toContain(key);
    expect(new Set(listed).size).toBe(listed.length);
    for (const key of keys) await fake.release(key, null, 2);
    expect(await fake.inventory()).toEqual([]);
    for (const key of keys) await expect(fake.acquire(key, {}, 3)).rejects.toMatchObject({ code: "lease_released" });
  });

  it("I2, I6: killed with the sandbox made: the next acquirer gets it, and a command started there is not started again", async () => {
    const { child, said } = start("hang");
    await eventually(() => {
      expect(said).toHaveLength(1);
      const key = said[0]?.key ?? "";
      expect(readdirSync(join(fake.root, "sandboxes", key))).toEqual(["1"]);
      // The call that hangs has been counted: it will not hang for the next one.
      expect(readdirSync(join(fake.root, "calls", key))).toContain("list.2");
    });
    await kill(child);
    const { key, config } = said[0] as Said;
    const { handle } = await fake.acquire(key, config, 2);
    // Its third listing; the calls are counted on from those of the dead.
    await expect(fake.acquire(key, config, 2)).rejects.toMatchObject({ kind: "busy" });
    const place = async (by = fake.driver) => executionPlace(await by.session(callContext(2), { key, handle }), "00000000-0000-7000-8000-000000000000");
    expect(await (await place()).start({ fence: 2, offer: 1 }, command(["true"]))).toBe("started");
    const again = await place(fake.another());
    expect(await again.start({ fence: 2, offer: 2 }, command(["true"]))).toBe("exists");
    expect(await again.status()).toMatchObject({ kind: "ended", exit: { kind: "exited", code: 0 } });
    await expect((await place()).start({ fence: 2, offer: 1 }, command(["true"]))).rejects.toMatchObject({ kind: "stale" });
    await fake.release(key, handle, 2);
    expect(existsSync(join(fake.root, "sandboxes", key))).toBe(false);
  });

  it("I2: eight processes acquire one key at once: one resource, the same for all", async () => {
    const key = randomUUID();
    const racers = Array.from({ length: 8 }, () => start("race"));
    // All are ready before any begins.
    await eventually(() => expect(racers.map((r) => r.said.length)).toEqual(racers.map(() => 1)));
    for (const { child } of racers) child.send({ key });
    await eventually(() => expect(racers.map((r) => r.said.length)).toEqual(racers.map(() => 2)));
    const [one] = await fake.inventory();
    expect(racers.map((r) => r.said[1])).toEqual(racers.map(() => ({ key, providerLeaseId: one?.providerLeaseId })));
    expect(await fake.inventory()).toHaveLength(1);
  });
});
