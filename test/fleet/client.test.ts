import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HeldLease, Leasehold, type Lease } from "../../src/client/index.ts";
import { eventually } from "../support/eventually.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { openFrontDoor } from "../support/front-door.ts";
import { type ServedApi, serveApi } from "../support/serve-api.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { untilThere } from "../support/shell.ts";

describe("the client", () => {
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

  const runs = async () => {
    const all = [];
    for await (const run of api.client.runs.list()) all.push(run);
    return all;
  };
  const leases = async () => {
    const all = [];
    for await (const lease of api.client.leases.list()) all.push(lease);
    return all;
  };
  const inState = (id: string, state: Lease["state"]) => eventually(async () => expect((await api.client.leases.get(id)).state).toBe(state));
  const shell = (script: string) => ["sh", "-c", script];

  describe("runs.run", () => {
    it("gives what a command printed and how it ended, whatever that is", async () => {
      await stack.worker();
      const { client } = api;
      const [failed, none, signalled] = await Promise.all([
        client.runs.run(shell("printf 'out \\303\\274'; printf err >&2; exit 3")),
        client.runs.run({ command: ["no-such-program"] }),
        client.runs.run(shell("kill -KILL $$")),
      ]);
      expect(failed).toMatchObject({ result: "failed", outcome: { kind: "exited", code: 3 }, exitCode: 3, stdout: "out ü", stderr: "err", complete: true, ended: { phase: "ended" } });
      expect(none).toMatchObject({ result: "failed", outcome: { kind: "not_started", reason: "command_not_found" }, exitCode: null, stdout: "" });
      expect(signalled).toMatchObject({ result: "failed", outcome: { kind: "signalled", signal: "SIGKILL" }, exitCode: null });
    });

    it("takes as much output as it is told to, and says that there is more", async () => {
      await stack.worker();
      const { client } = api;
      const cut = await client.runs.run(shell("printf 12345; printf 123 >&2"), { limit: 4 });
      expect(cut).toMatchObject({ stdout: "1234", stderr: "123", complete: false });
      const dropped = await client.runs.run({ command: shell("printf 12345"), outputLimit: 3 });
      expect(dropped).toMatchObject({ stdout: "123", complete: false });
      expect(await client.runs.handle(cut.ended.id).collect({ limit: 5 })).toMatchObject({ stdout: "12345", complete: true });
    });

    it("that is called off cancels its run, but not one that was there before", async () => {
      await stack.worker();
      const { client } = api;
      const stop = new AbortController();
      const other = await client.runs.start(["sleep", "600"], { idempotencyKey: "shared" });
      const called = Promise.allSettled([undefined, "own", "shared"].map((idempotencyKey) => client.runs.run(["sleep", "600"], { idempotencyKey, signal: stop.signal })));
      await eventually(async () => expect((await runs()).map((run) => run.execution?.state)).toEqual(["running", "running", "running"]));
      stop.abort(new Error("enough"));
      expect((await called).map((one) => one.status === "rejected" && (one.reason as Error).message)).toEqual(["enough", "enough", "enough"]);
      expect((await client.runs.get(other.id)).cancelRequestedAt).toBeNull();
      expect((await runs()).filter((run) => run.cancelRequestedAt !== null)).toHaveLength(2);
      await other.cancel();
      expect((await other.result()).outcome).toEqual({ kind: "cancelled" });
    });

    it("that is called off before its answer is there cancels its run all the same", async () => {
      await stack.worker();
      const stop = new AbortController();
      const slow = new Leasehold({
        ...api,
        fetch: async (input, init) => {
          const answer = await fetch(input, init);
          stop.abort(new Error("enough"));
          return answer;
        },
      });
      await expect(slow.runs.run(["sleep", "600"], { signal: stop.signal })).rejects.toThrow("enough");
      expect((await runs()).map((run) => run.cancelRequestedAt)).toEqual([expect.any(String)]);
    });
  });

  it("follows a run by a handle: its output on both streams, its events, its end; from another program by its id", async () => {
    await stack.worker();
    const run = await api.client.runs.start(shell("echo out; echo err >&2"));
    const pieces: string[] = [];
    for await (const { stream, bytes } of run) pieces.push(`${stream} ${Buffer.from(bytes).toString()}`);
    expect(pieces.toSorted()).toEqual(["stderr err\n", "stdout out\n"]);
    const again = api.client.runs.handle(run.id);
    const out: Uint8Array[] = [];
    for await (const bytes of again.output({ offset: 1 })) out.push(bytes);
    expect(Buffer.concat(out).toString()).toBe("ut\n");
    const kinds: string[] = [];
    for await (const event of again.events({ output: false })) kinds.push(event.type);
    expect(kinds.at(-1)).toBe("end");
    expect(kinds).not.toContain("output");
    expect((await again.result()).result).toBe("succeeded");
  });

  describe("a lease", () => {
    it("is worked in and given back, also when the work fails", async () => {
      await stack.worker();
      const { client } = api;
      const said = await client.leases.with({}, async (lease) => {
        await lease.run(shell("echo made >file"));
        return (await lease.run(["cat", "file"])).stdout;
      });
      expect(said).toBe("made\n");
      await expect(client.leases.with({}, () => Promise.reject(new Error("the work failed")))).rejects.toThrow("the work failed");
      const ids = (await leases()).map(({ id }) => id);
      expect(ids).toHaveLength(2);
      for (const id of ids) await inState(id, "released");
    });

    it("whose command is no longer waited for keeps it until it ends", async () => {
      await stack.worker();
      await using lease = await api.client.leases.acquire();
      const stop = new AbortController();
      const waiting = lease.run(["sleep", "600"], { signal: stop.signal });
      const started = () => eventually(async () => expect((await all(api.client.leases.executions(lease.id))).map(({ state }) => state)).toEqual(["running"]));
      await started();
      stop.abort(new Error("enough"));
      await expect(waiting).rejects.toThrow("enough");
      await started();
    });

    it("that is called off while its answer is on the way is given back", async () => {
      const stop = new AbortController();
      const slow = new Leasehold({
        ...api,
        fetch: async (input, init) => {
          stop.abort(new Error("enough"));
          return fetch(input, init);
        },
      });
      await expect(slow.leases.acquire({}, { signal: stop.signal })).rejects.toThrow("enough");
      expect((await leases()).map(({ state }) => state)).toEqual(["expired"]);
    });

    it("that somebody else holds under the same key is left alone by who calls off", async () => {
      const holder = new AbortController();
      const late = new AbortController();
      const waits = async (signal: AbortSignal): Promise<HeldLease> => api.client.leases.acquire({}, { idempotencyKey: "shared", signal });
      const held = waits(holder.signal);
      await eventually(async () => expect(await leases()).toHaveLength(1));
      const joined = waits(late.signal);
      await eventually(async () => {
        late.abort(new Error("enough"));
        await expect(joined).rejects.toThrow("enough");
      });
      expect((await leases()).map(({ state }) => state)).toEqual(["requested"]);
      await stack.worker();
      await (await held).release();
    });
  });
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const got: T[] = [];
  for await (const item of items) got.push(item);
  return got;
}

describe("I7: what the client follows", () => {
  let fleet: TestFleet;
  beforeEach(async () => {
    fleet = await startTestFleet();
  });
  afterEach(() => fleet.close());

  it("is byte for byte what the command wrote, though the API is killed again and again and another one takes its place", async () => {
    const [first] = await Promise.all([fleet.api(), fleet.worker(), fleet.reaper()]);
    await using door = await openFrontDoor();
    door.leadTo(first.url);
    const client = new Leasehold({ url: door.url, token: first.token });
    // Its own account of what it wrote: bytes nobody could guess, and their checksum at the end.
    const script = `for i in 1 2 3 4 5 6; do head -c 200000 /dev/urandom | tee -a "$TMPDIR/all"; ${untilThere('"$GO$i"')}; done; sha256sum <"$TMPDIR/all" >&2`;
    const go = join(fleet.config.dataDir, "go-");
    const run = await client.runs.start({ command: ["sh", "-c", script], env: { GO: go } });
    let api = first;
    let [bytes, killed] = [0, 0];
    const [whole, events, ended] = [createHash("sha256"), createHash("sha256"), run.result()];
    const following = (async () => {
      for await (const event of run.events()) if (event.type === "output" && event.stream === "stdout") events.update(event.bytes);
    })();
    for await (const piece of run.output()) {
      whole.update(piece);
      bytes += piece.length;
      if (bytes < 200_000 * (killed + 1)) continue;
      killed += 1;
      if (killed <= 4) {
        api.signal("SIGKILL");
        await api.gone;
        api = await fleet.api();
        door.leadTo(api.url);
      }
      await writeFile(go + killed, "");
    }
    await following;
    expect((await ended).outcome).toEqual({ kind: "exited", code: 0 });
    const { stderr } = await run.collect();
    const digest = stderr.slice(0, 64);
    expect([bytes, whole.digest("hex"), events.digest("hex")]).toEqual([1_200_000, digest, digest]);
  });
});
