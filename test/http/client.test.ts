import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Leasehold, LeaseholdRequestError, type RunEvent } from "../../src/client/index.ts";
import { findSituation } from "../../src/db/runs.ts";
import { eventually } from "../support/eventually.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { accepted, executing } from "./run-states.ts";

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

/** A client some of whose answers are lost, or are replaced, on their way. */
function unlucky(meet: (attempt: number, ask: () => Promise<Response>) => Promise<Response>, token = server.acme.producer): { client: Leasehold; attempts: () => number } {
  let attempts = 0;
  const through: typeof fetch = (input, init) => meet(++attempts, () => fetch(input, init));
  return { client: new Leasehold({ url: server.url, token, fetch: through }), attempts: () => attempts };
}

const lost = async (attempt: number, ask: () => Promise<Response>): Promise<Response> => {
  const answer = await ask();
  if (attempt > 1) return answer;
  await answer.body?.cancel();
  throw new TypeError("fetch failed");
};

describe("requests", () => {
  it("make one run however often the answer is lost", async () => {
    const { client: shaky, attempts } = unlucky(lost);
    const before = new Set((await all(client)).map((run) => run.id));
    const run = await shaky.runs.create({ command: ["once"] });
    expect(attempts()).toBe(2);
    expect((await all(client)).filter((r) => !before.has(r.id)).map((r) => r.id)).toEqual([run.id]);
  });

  it("are not repeated where a second one could do harm", async () => {
    const { client: shaky, attempts } = unlucky(lost, server.other.producer);
    await expect(shaky.environments.create({ name: "Once", driver: "local" })).rejects.toMatchObject({ status: 0, code: "api_unreachable" });
    expect(attempts()).toBe(1);
    expect((await server.client(server.other.producer).environments.get("Once")).name).toBe("Once");
  });

  it("wait as long as the server asks them to", async () => {
    const { client: patient, attempts } = unlucky(async (attempt, ask) => (attempt === 1 ? new Response("", { status: 503, headers: { "retry-after": "1" } }) : ask()));
    const start = performance.now();
    await patient.environments.get("Local");
    expect(performance.now() - start).toBeGreaterThanOrEqual(990);
    expect(attempts()).toBe(2);
  });

  it("do not wait for longer than anybody would", async () => {
    const { client: patient } = unlucky(async () => new Response("", { status: 503, headers: { "retry-after": "3600" } }));
    await expect(patient.runs.get("x")).rejects.toMatchObject({ status: 503, code: "http_503", retryAfter: 3600 });
  });

  it("say what was wrong", async () => {
    const failed = await client.runs.create({ command: [] }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(LeaseholdRequestError);
    expect(failed).toMatchObject({ status: 422, code: "request_invalid", errors: [{ field: "request.command" }] });
  });

  it("do not carry the token to where they are sent on to", async () => {
    const seen: unknown[] = [];
    const spied = new Leasehold({ url: server.url, token: server.acme.producer, fetch: (input, init) => (seen.push(init?.redirect), fetch(input, init)) });
    await spied.environments.get("Local");
    expect(seen).toEqual(["error"]);
  });

  it("go through every page", async () => {
    for (let i = 0; i < 3; i++) await accepted(server, server.other.id);
    const theirs = server.client(server.other.producer);
    const ids: string[] = [];
    for await (const run of theirs.runs.list({ pageSize: 1 })) ids.push(run.id);
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(3);
  });

  it("cancel a run, and give a lease back", async () => {
    const run = await executing(server, server.acme.id);
    expect((await client.runs.cancel(run.runId)).cancelRequestedAt).not.toBeNull();
    expect(await client.leases.release(run.lease.id)).toMatchObject({ state: "releasing" });
    expect((await findSituation(server.db, run.runId))?.run.cancelRequestedAt).not.toBeNull();
  });
});

async function all(of: Leasehold) {
  const runs = [];
  for await (const run of of.runs.list()) runs.push(run);
  return runs;
}
