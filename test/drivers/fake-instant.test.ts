import { randomUUID } from "node:crypto";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ExecutionPlace } from "../../src/session/execution-place.ts";
import { executionPlace } from "../../src/session/place.ts";
import type { Session } from "../../src/session/session.ts";
import { callContext, command, first, output } from "../session/local-lease.ts";
import { fakeProvider, type FakeProvider } from "./fake-lease.ts";

const said = "one\ntwo\n";
let fake: FakeProvider;
let key: string;
let handle: unknown;
let session: Session;
let place: ExecutionPlace;
let id: string;
beforeEach(async () => {
  fake = fakeProvider();
  key = randomUUID();
  id = randomUUID();
  ({ handle } = await fake.acquire(key, { commands: "instant", instant: { exitCode: 7, stdout: said } }));
  session = await fake.driver.session(callContext(), { key, handle });
  place = executionPlace(session, id);
});
afterEach(() => fake.remove());

const sandbox = () => join(fake.root, "sandboxes", key, "1");
const spec = command(["true"]);
const stale = { kind: "stale" };
const gone = { kind: "gone" };

describe("an instant execution", () => {
  it("has ended as soon as it is started, with what the config says, and leaves one record", async () => {
    expect(await place.status()).toEqual({ kind: "absent" });
    expect(await place.start(first, spec)).toBe("started");
    expect(await place.status()).toEqual({ kind: "ended", exit: { kind: "exited", code: 7 }, sizes: { stdout: 8, stderr: 0 }, dropped: { stdout: 0, stderr: 0 }, killed: false });
    expect(await output(place)).toEqual({ stdout: Buffer.from(said), stderr: Buffer.alloc(0) });
    expect(readdirSync(sandbox()).toSorted()).toEqual(["fence.1", "record.json"]);
    expect(readdirSync(join(sandbox(), "fence.1"))).toEqual([id]);
  });

  it("I7: from every offset; what is over the limit is counted and not kept", async () => {
    await place.start(first, { ...spec, outputLimit: 6 });
    expect(await place.status()).toMatchObject({ sizes: { stdout: 6 }, dropped: { stdout: 2 } });
    for (const from of [0, 1, 5, 6, 100]) expect((await output(place, { stdout: from, stderr: 0 })).stdout.toString()).toBe("one\ntw".slice(from));
  });

  it("I6: twenty starts at once, from several sessions: one", async () => {
    const sessions = [session, ...(await Promise.all([1, 2].map(() => fake.another().session(callContext(), { key, handle }))))];
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => executionPlace(sessions[i % 3] ?? session, id).start(first, spec)));
    expect(answers.toSorted()).toEqual([...Array.from({ length: 19 }, () => "exists"), "started"]);
  });

  it("I6: planted before, it never starts; started before, it cannot be planted", async () => {
    expect(await place.plant(first)).toBe("planted");
    expect(await place.plant(first)).toBe("planted");
    expect(await place.start(first, spec)).toBe("exists");
    expect(await place.status()).toEqual({ kind: "tombstone" });
    expect((await output(place)).stdout.length).toBe(0);
    const other = executionPlace(session, randomUUID());
    await other.start(first, spec);
    expect(await other.plant(first)).toBe("exists");
  });

  it("I5: an old fence does nothing, also one that was raised by another verb and another process", async () => {
    await place.start({ fence: 3, offer: 1 }, spec);
    for (const late of [() => place.start({ fence: 2, offer: 9 }, spec), () => place.kill({ fence: 2, offer: 9 }, 0), () => place.beat({ fence: 1, offer: 9 }), () => place.follow({ fence: 2, offer: 9 }, { stdout: 0, stderr: 0 })]) {
      await expect(late()).rejects.toMatchObject(stale);
    }
    const other = executionPlace(await fake.another().session(callContext(), { key, handle }), randomUUID());
    await other.beat({ fence: 5, offer: 1 });
    await expect(other.plant({ fence: 4, offer: 1 })).rejects.toMatchObject(stale);
    expect(await place.status()).toMatchObject({ kind: "ended" });
    expect(await other.status()).toEqual({ kind: "absent" });
  });

  it("I5: an old offer is refused once a newer one was seen", async () => {
    await place.start({ fence: 1, offer: 2 }, spec);
    await place.follow({ fence: 1, offer: 3 }, { stdout: 0, stderr: 0 });
    const late = { fence: 1, offer: 2 };
    for (const verb of [() => place.start(late, spec), () => place.plant(late), () => place.kill(late, 0), () => place.beat(late), () => place.follow(late, { stdout: 0, stderr: 0 })]) {
      await expect(verb()).rejects.toMatchObject(stale);
    }
    expect(readlinkSync(join(sandbox(), "fence.1", id))).toMatch(/^started 3 /);
  });

  it("I5, I6: fences raised against starts: what was started is there, what was refused is not", async () => {
    for (let round = 1; round <= 20; round++) {
      const ids = Array.from({ length: 10 }, () => randomUUID());
      const start = (one: string) => executionPlace(session, one).start({ fence: 2 * round, offer: 1 }, spec);
      const [starts] = await Promise.all([Promise.allSettled(ids.map(start)), executionPlace(session, randomUUID()).beat({ fence: 2 * round + 1, offer: 1 })]);
      const there = readdirSync(join(sandbox(), `fence.${2 * round + 1}`));
      for (const [i, result] of starts.entries()) {
        if (result.status === "rejected") expect(result.reason).toMatchObject(stale);
        expect(there.includes(ids[i] ?? "")).toBe(result.status === "fulfilled");
      }
      await expect(start(randomUUID())).rejects.toMatchObject(stale);
    }
  });

  it("killed: there was no process", async () => {
    await place.start(first, spec);
    expect(await place.kill(first, 5000)).toBe("verified");
    expect(await place.status()).toMatchObject({ kind: "ended", killed: false });
  });

  it("of a sandbox that is gone: gone, and nothing to be killed", async () => {
    await place.start(first, spec);
    await fake.release(key, handle);
    expect(await place.status()).toEqual({ kind: "gone" });
    for (const verb of [() => place.start(first, spec), () => place.plant(first), () => place.beat(first), () => place.follow(first, { stdout: 0, stderr: 0 })]) {
      await expect(verb()).rejects.toMatchObject(gone);
    }
    expect(await place.kill(first, 0)).toBe("verified");
  });

  it("refuses what no start could make work, a bad id, and a process", async () => {
    expect(() => place.check(command([]))).toThrow(expect.objectContaining({ kind: "invalid", code: "command_empty" }));
    expect(() => place.check(command(["true"], { cwd: "../.." }))).toThrow(expect.objectContaining({ code: "cwd_outside_workspace" }));
    expect(() => executionPlace(session, "../x")).toThrow(expect.objectContaining({ code: "execution_id_invalid" }));
    await expect(session.open(["true"])).rejects.toMatchObject({ kind: "refused", code: "sandbox_instant" });
  });

  describe("with seconds to run", () => {
    const long = async (seconds: number): Promise<ExecutionPlace> => {
      const other = randomUUID();
      const made = await fake.acquire(other, { commands: "instant", instant: { exitCode: 7, stdout: said, seconds } });
      return executionPlace(await fake.driver.session(callContext(), { key: other, handle: made.handle }), id);
    };

    it("runs until then, and prints at once", async () => {
      const running = await long(0.3);
      await running.start(first, spec);
      const begun = performance.now();
      expect(await running.status()).toEqual({ kind: "running" });
      expect((await output(running)).stdout.toString()).toBe(said);
      expect(performance.now() - begun).toBeGreaterThan(200);
      expect(await running.status()).toMatchObject({ kind: "ended", exit: { kind: "exited", code: 7 }, killed: false });
    });

    it("I8: ended before its time it says so, and its followers are let go", async () => {
      const running = await long(3600);
      await running.start(first, spec);
      const follow = await running.follow(first, { stdout: 0, stderr: 0 });
      expect(await running.kill(first, 0)).toBe("verified");
      await follow.done;
      expect(await running.status()).toMatchObject({ kind: "ended", exit: { kind: "signalled", signal: "SIGTERM" }, sizes: { stdout: 8 }, killed: true });
    });

    it("I6: who comes later finds it running, and a follower that was detached changes nothing", async () => {
      const running = await long(3600);
      await running.start(first, spec);
      const follow = await running.follow(first, { stdout: 0, stderr: 0 });
      follow.detach();
      await follow.done;
      expect(await running.start({ fence: 1, offer: 2 }, spec)).toBe("exists");
      expect(await running.status()).toEqual({ kind: "running" });
    });
  });
});
