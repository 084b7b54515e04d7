import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Leasehold, LeaseholdRequestError, type LeaseholdOptions } from "../../src/client/index.ts";
import { findSituation } from "../../src/db/runs.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { accepted, executing, requested } from "./run-states.ts";

let server: ApiServer;
let client: Leasehold;
beforeAll(async () => {
  server = await startApi();
  client = server.client();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A client some of whose answers are lost, or are replaced, on their way. */
function unlucky(meet: (attempt: number, ask: () => Promise<Response>) => Promise<Response>, token = server.acme.producer): { client: Leasehold; keys: (string | null)[] } {
  const keys: (string | null)[] = [];
  const through: typeof fetch = (input, init) => {
    keys.push(new Headers(init?.headers).get("idempotency-key"));
    return meet(keys.length, () => fetch(input, init));
  };
  return { client: new Leasehold({ url: server.url, token, fetch: through }), keys };
}

const lost = async (attempt: number, ask: () => Promise<Response>): Promise<Response> => {
  const answer = await ask();
  if (attempt > 1) return answer;
  await answer.body?.cancel();
  throw new TypeError("fetch failed");
};
const first =
  (status: number, headers: Record<string, string> = {}) =>
  async (attempt: number, ask: () => Promise<Response>): Promise<Response> =>
    attempt === 1 ? new Response("", { status, headers }) : ask();

/** A server that is no Leasehold; where it is. */
async function elsewhere(listener: RequestListener): Promise<string> {
  const other = createServer(listener).listen(0, "127.0.0.1");
  onTestFinished(() => {
    other.close();
    other.closeAllConnections();
  });
  await once(other, "listening");
  return `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
}

const impatient = { request: 0, stream: 0 };
const errorOf = async (asked: Promise<unknown>): Promise<LeaseholdRequestError> => {
  const error: unknown = await asked.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(LeaseholdRequestError);
  return error as LeaseholdRequestError;
};

async function all(of: Leasehold) {
  const runs = [];
  for await (const run of of.runs.list()) runs.push(run);
  return runs;
}

describe("requests", () => {
  it("make one run however often the answer is lost, by one key", async () => {
    const { client: shaky, keys } = unlucky(lost);
    const before = new Set((await all(client)).map((run) => run.id));
    const run = await shaky.runs.create({ command: ["once"] });
    expect(keys).toHaveLength(2);
    expect(keys[0]).not.toBeNull();
    expect(keys[1]).toBe(keys[0]);
    expect((await all(client)).filter((r) => !before.has(r.id)).map((r) => r.id)).toEqual([run.id]);
  });

  it("are not repeated where a second one could do harm", async () => {
    const { client: shaky, keys } = unlucky(lost, server.other.producer);
    await expect(shaky.environments.create({ name: "Once", driver: "local" })).rejects.toMatchObject({ kind: "unreachable", status: 0, code: "api_unreachable" });
    expect(keys).toHaveLength(1);
    expect((await server.client(server.other.producer).environments.get("Once")).name).toBe("Once");
    const { client: refused, keys: tries } = unlucky(first(503), server.other.producer);
    await expect(refused.environments.create({ name: "Twice", driver: "local" })).rejects.toMatchObject({ kind: "busy" });
    expect(tries).toHaveLength(1);
  });

  it("are repeated even there when the server says that it has not begun", async () => {
    const { client: limited, keys } = unlucky(first(429, { "retry-after": "0" }), server.other.producer);
    await expect(limited.environments.create({ name: "Once", driver: "local" })).rejects.toMatchObject({ kind: "conflict" });
    expect(keys).toHaveLength(2);
  });

  it("wait as long as the server asks them to", async () => {
    const { client: patient, keys } = unlucky(first(503, { "retry-after": "1" }));
    const start = performance.now();
    await patient.environments.getDefault();
    expect(performance.now() - start).toBeGreaterThanOrEqual(990);
    expect(keys).toHaveLength(2);
  });

  it("do not wait for longer than anybody would, and say for how long they were to", async () => {
    const { client: seconds } = unlucky(async () => new Response("", { status: 503, headers: { "retry-after": "3600" } }));
    await expect(seconds.runs.get("x")).rejects.toMatchObject({ kind: "busy", status: 503, code: "http_503", retryAfter: 3600 });
    const { client: moment } = unlucky(async () => new Response("", { status: 429, headers: { "retry-after": new Date(Date.now() + 3_600_000).toUTCString() } }));
    expect((await errorOf(moment.runs.get("x"))).retryAfter).toBeGreaterThan(3000);
    const { client: nonsense } = unlucky(async () => new Response("", { status: 409, headers: { "retry-after": "soon" } }));
    expect((await errorOf(nonsense.runs.get("x"))).retryAfter).toBeUndefined();
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

describe("an error", () => {
  it("says which fields are wrong", async () => {
    const error = await errorOf(client.runs.create({ command: [] }));
    expect(error).toMatchObject({ kind: "invalid", status: 422, code: "request_invalid", errors: [{ field: "request.command" }] });
  });

  it.each<[string, (of: ApiServer) => Promise<unknown>, object]>([
    ["no such token", (of) => of.client("nobody").runs.get("x"), { kind: "unauthorized", code: "token_unknown" }],
    ["not for producers", (of) => of.client().hosts.get("x"), { kind: "forbidden", code: "operator_required" }],
    ["no such thing", (of) => of.client().runs.get("x"), { kind: "not_found", code: "run_not_found" }],
    ["not as things are", async (of) => of.client().leases.renew((await requested(of, of.acme.id)).id), { kind: "conflict", code: "lease_not_active" }],
    ["a key that is taken", async (of) => [await of.client().runs.create({ command: ["a"] }, { idempotencyKey: "k" }), await of.client().runs.create({ command: ["b"] }, { idempotencyKey: "k" })], { kind: "conflict", code: "idempotency_key_reused" }],
  ])("of the API has a kind: %s", async (_, ask, expected) => {
    await expect(ask(server)).rejects.toMatchObject(expected);
  });

  it.each([
    [400, "invalid"],
    [404, "not_found"],
    [410, "gone"],
    [413, "invalid"],
    [429, "rate_limited"],
    [500, "internal"],
    [502, "failed"],
    [503, "busy"],
    [504, "failed"],
  ])("of a proxy has one too: %i", async (status, kind) => {
    const url = await elsewhere((_, response) => response.writeHead(status, { "content-type": "text/html" }).end("<h1>no</h1>"));
    await expect(new Leasehold({ url, token: "t", patience: impatient }).runs.get("x")).rejects.toMatchObject({ kind, status, code: `http_${status}` });
  });

  it("tells an answer that is none of the API's, at once", async () => {
    let asked = 0;
    const url = await elsewhere((_, response) => (asked++, response.end("<h1>Welcome</h1>")));
    await expect(new Leasehold({ url, token: "t" }).runs.get("x")).rejects.toMatchObject({ kind: "invalid", code: "answer_malformed" });
    expect(asked).toBe(1);
  });

  it("is what becomes of a server that accepts and never answers, or stops in the middle of its answer", async () => {
    const mute = await elsewhere(() => {});
    await expect(new Leasehold({ url: mute, token: "t", patience: { ...impatient, answer: 50 } }).runs.get("x")).rejects.toMatchObject({ kind: "unreachable", detail: expect.stringContaining("no answer within 0.05 s") as string });
    const half = await elsewhere((_, response) => response.writeHead(200, { "content-length": "1000" }).write("{"));
    await expect(new Leasehold({ url: half, token: "t", patience: { ...impatient, answer: 50 } }).runs.get("x")).rejects.toMatchObject({ kind: "unreachable" });
  });
});

describe("a token", () => {
  it("does not go where the server sends it on to", async () => {
    let seen = 0;
    const trap = await elsewhere((_, response) => (seen++, response.end("{}")));
    const door = await elsewhere((request, response) => response.writeHead(307, { location: trap + request.url }).end());
    const away = new Leasehold({ url: door, token: "secret" });
    for (const ask of [() => away.runs.get("x"), () => away.runs.create({ command: ["true"] }), () => away.runs.output("x").next(), () => away.runs.events("x").next()]) {
      await expect(ask()).rejects.toMatchObject({ kind: "invalid", code: "redirect_refused", detail: expect.stringContaining(trap) as string });
    }
    expect(seen).toBe(0);
  });

  it("may be asked for at each request, and be another one then", async () => {
    const tokens = ["nobody", server.acme.producer];
    const rotating = new Leasehold({ url: server.url, token: async () => `${tokens.shift()}\n` });
    await expect(rotating.environments.getDefault()).rejects.toMatchObject({ kind: "unauthorized" });
    expect(await rotating.environments.getDefault()).toBeNull();
    const none = new Leasehold({ url: server.url, token: () => Promise.reject(new Error("the vault is closed")) });
    await expect(none.environments.getDefault()).rejects.toThrow("the vault is closed");
  });

  it.each<[string, Partial<LeaseholdOptions>]>([
    ["no token", { token: undefined as never }],
    ["an empty token", { token: " " }],
    ["a token that is none", { token: "very\nsecret" }],
    ["no URL", { url: undefined as never }],
    ["a URL that is none", { url: "localhost:8420" }],
    ["a file", { url: "file:///etc/passwd" }],
    ["a password in the URL", { url: "http://me:secret@127.0.0.1:8420" }],
  ])("or a URL that can be none is told at once, without its words: %s", (_, wrong) => {
    const make = () => new Leasehold({ url: server.url, token: "t", ...wrong });
    expect(make).toThrow(TypeError);
    expect(make).not.toThrow(/secret/);
  });
});

describe("a signal", () => {
  const enough = new Error("enough");
  const calls: [string, (of: Leasehold, signal: AbortSignal) => Promise<unknown>][] = [
    ["runs.create", (of, signal) => of.runs.create({ command: ["true"] }, { signal })],
    ["runs.start", (of, signal) => of.runs.start(["true"], { signal })],
    ["runs.run", (of, signal) => of.runs.run(["true"], { signal })],
    ["runs.get", (of, signal) => of.runs.get("x", { signal })],
    ["runs.list", (of, signal) => of.runs.list({ signal }).next()],
    ["runs.cancel", (of, signal) => of.runs.cancel("x", { signal })],
    ["runs.output", (of, signal) => of.runs.output("x", { signal }).next()],
    ["runs.events", (of, signal) => of.runs.events("x", { signal }).next()],
    ["runs.wait", (of, signal) => of.runs.wait("x", { signal })],
    ["leases.acquire", (of, signal) => of.leases.acquire({}, { signal })],
    ["leases.with", (of, signal) => of.leases.with({}, async () => {}, { signal })],
    ["leases.release", (of, signal) => of.leases.release("x", { signal })],
    ["environments.probe", (of, signal) => of.environments.probe("x", { signal })],
    ["hosts.list", (of, signal) => of.hosts.list({ signal }).next()],
  ];

  it.each(calls)("that has fired keeps %s from asking", async (_, call) => {
    let asked = 0;
    const spied = new Leasehold({ url: server.url, token: "t", fetch: () => (asked++, Promise.reject(new TypeError("fetch failed"))) });
    await expect(call(spied, AbortSignal.abort(enough))).rejects.toBe(enough);
    expect(asked).toBe(0);
  });

  it.each(calls)("that fires ends %s, which waits for an answer or for its next try", async (name, call) => {
    const stop = new AbortController();
    const waiting = new Leasehold({
      url: server.url,
      token: "t",
      fetch: async (_input, init) => {
        queueMicrotask(() => stop.abort(enough));
        // What makes something is waited for a little longer than the caller is: `client.test.ts` of the fleet has that.
        if (/create|start/.test(name)) return new Promise((_resolve, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason as Error)));
        throw new TypeError("fetch failed");
      },
    });
    await expect(call(waiting, stop.signal)).rejects.toBe(enough);
  });
});
