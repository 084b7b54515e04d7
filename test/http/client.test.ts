import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Silence } from "../../src/client/body.ts";
import type { Leasehold, RunEvent } from "../../src/client/index.ts";
import { eventually } from "../support/eventually.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { executing } from "./run-states.ts";

let server: ApiServer;
let client: Leasehold;
beforeAll(async () => {
  server = await startApi();
  client = server.client();
});
afterAll(() => server[Symbol.asyncDispose]());

/** Every connection breaks in the middle of what it was saying. */
const breakConnections = (): void => {
  for (const socket of server.sockets) socket.destroy();
};

describe("output", () => {
  it("goes on at the next byte when the connection breaks, again and again", async () => {
    const run = await executing(server, server.acme.id);
    const all: Buffer[] = [];
    const print = async (bytes: Buffer) => {
      all.push(bytes);
      await run.print("stdout", bytes);
    };
    await print(randomBytes(300_000));
    const got: Buffer[] = [];
    let size = 0;
    for await (const bytes of client.runs.output(run.runId, { follow: true })) {
      got.push(Buffer.from(bytes));
      size += bytes.length;
      if (size === 300_000 * all.length) {
        if (all.length === 4) await run.end({ kind: "exited", code: 0 });
        else await print(randomBytes(300_000));
        if (all.length < 4) breakConnections();
      }
    }
    expect(Buffer.concat(got).equals(Buffer.concat(all))).toBe(true);
  });
});

describe("a follower that leaves", () => {
  it.each(["output", "events"] as const)("leaves nobody listening for its %s", async (kind) => {
    const run = await executing(server, server.acme.id);
    await run.print("stdout", "x");
    const listening = () => server.redis.pubsub("CHANNELS", `${server.prefix}:news:*`);
    const leave = new AbortController();
    const followed = kind === "output" ? client.runs.output(run.runId, { follow: true, signal: leave.signal }) : client.runs.events(run.runId, { signal: leave.signal });
    const reading = (async () => {
      for await (const _ of followed) {
        await eventually(async () => expect(await listening()).not.toEqual([]));
        leave.abort(new Error("enough"));
      }
    })();
    await expect(reading).rejects.toThrow("enough");
    await eventually(async () => expect(await listening()).toEqual([]));
  });
});

describe("events", () => {
  it("go on after the last one when the server is gone for a while", async () => {
    const run = await executing(server, server.acme.id);
    await run.print("stdout", "one ");
    const seen: RunEvent[] = [];
    for await (const event of client.runs.events(run.runId)) {
      seen.push(event);
      if (event.type === "output" && event.start === 0 && event.stream === "stdout") {
        await server.halt();
        await run.print("stdout", "two");
        await run.print("stderr", "oh");
        await server.resume();
        await run.end({ kind: "signalled", signal: "SIGSEGV" });
      }
    }
    const text = (stream: string) => seen.flatMap((e) => (e.type === "output" && e.stream === stream ? [Buffer.from(e.bytes).toString()] : [])).join("");
    expect([text("stdout"), text("stderr")]).toEqual(["one two", "oh"]);
    expect(seen.at(-1)).toMatchObject({ type: "end", outcome: { kind: "signalled", signal: "SIGSEGV" } });
  });

  it("tell who waits when the run has ended", async () => {
    const run = await executing(server, server.acme.id);
    const waited = client.runs.wait(run.runId);
    await run.end({ kind: "exited", code: 0 });
    expect(await waited).toMatchObject({ phase: "ended", result: "succeeded" });
  });
});

describe("a stream on which nothing comes", () => {
  /** Says `pieces`, and then nothing more. */
  const quiet = (...pieces: string[]): Response =>
    new Response(
      new ReadableStream({
        start: (controller) => {
          for (const piece of pieces) controller.enqueue(Buffer.from(piece));
        },
      }),
    );

  it("is given up like a connection that broke, after the last piece", async () => {
    const got: string[] = [];
    const reading = (async () => {
      for await (const piece of new Silence("http://there", 20, undefined).broken(quiet("a", "b"))) got.push(Buffer.from(piece).toString());
    })();
    await expect(reading).rejects.toMatchObject({ kind: "unreachable", detail: expect.stringContaining("nothing was heard") as string });
    expect(got).toEqual(["a", "b"]);
  });

  it("is not one whose reader takes his time", async () => {
    const silence = new Silence("http://there", 20, undefined);
    let pieces = 0;
    for await (const _ of silence.broken(quiet("a", "b", "c"))) {
      await sleep(60);
      if (++pieces === 3) break;
    }
    expect(silence.signal.aborted).toBe(false);
  });
});
