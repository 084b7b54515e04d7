import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Page, Problem, Run, RunSummary } from "../../src/client/index.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { beatWorker, removeWorker } from "../../src/db/workers.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { accepted, acquiring, activate, executing } from "./run-states.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  server.request(path, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), headers });
const get = async <T>(path: string): Promise<T> => (await (await server.request(path)).json()) as T;

describe("POST /v1/runs", () => {
  it("accepts a run and says where it is", async () => {
    const response = await post("/v1/runs", { command: ["echo", "hi"], env: { SECRET: "hunter2" }, stdin: "aHVudGVyMg==" });
    const text = await response.text();
    const run = JSON.parse(text) as Run;
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/v1/runs/${run.id}`);
    expect(response.headers.get("idempotency-key")).toBe(run.idempotencyKey);
    expect(run).toMatchObject({ phase: "accepted", command: ["echo", "hi"], envNames: ["SECRET"], hasStdin: true, result: null, outcome: null });
    expect(text).not.toMatch(/hunter2|aHVudGVyMg/);
  });

  it("gives the same run for the same key, and refuses the key for another request", async () => {
    const key = { "idempotency-key": randomUUID() };
    const first = (await (await post("/v1/runs", { command: ["a"] }, key)).json()) as Run;
    const again = await post("/v1/runs", { command: ["a"] }, key);
    expect(again.status).toBe(200);
    expect(((await again.json()) as Run).id).toBe(first.id);
    const other = await post("/v1/runs", { command: ["b"] }, key);
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({ code: "idempotency_key_reused" });
  });

  it("I12: a key of one company is free for another", async () => {
    const headers = { "idempotency-key": randomUUID() };
    const mine = (await (await post("/v1/runs", { command: ["a"] }, headers)).json()) as Run;
    const theirs = await server.request("/v1/runs", { method: "POST", body: '{"command":["a"]}', headers, token: server.other.producer });
    expect(theirs.status).toBe(201);
    expect(((await theirs.json()) as Run).id).not.toBe(mine.id);
  });

  it.each([
    ["a body that is not JSON", "{", 400, "body_malformed", []],
    ["no body", "", 400, "body_malformed", []],
    ["no command", {}, 422, "request_invalid", ["request.command"]],
    ["an empty command", { command: [] }, 422, "request_invalid", ["request.command"]],
    ["an unknown key", { command: ["a"], shell: true }, 422, "request_invalid", ["request.shell"]],
    ["an unknown key inside", { command: ["a"], environment: { id: "x" } }, 422, "request_invalid", ["request.environment.id"]],
    ["several faults at once", { command: [1], timeoutMs: 0, env: { "A-B": "c" } }, 422, "request_invalid", ["request.command.0", "request.env.A-B", "request.timeoutMs"]],
    ["a NUL", { command: ["a\0b"] }, 422, "request_invalid", ["request.command.0"]],
    ["a workspace that is not absolute", { command: ["a"], workspace: { kind: "host_path", path: "x" } }, 422, "request_invalid", ["request.workspace.path"]],
  ])("refuses %s", async (_name, body, status, code, fields) => {
    const response = await post("/v1/runs", body);
    const problem = (await response.json()) as Problem;
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(problem).toMatchObject({ status, code, type: `urn:leasehold:problem:${code}` });
    expect(response.status).toBe(status);
    expect((problem.errors ?? []).map((e) => e.field).sort()).toEqual([...fields].sort());
  });

  it("refuses a key that no header should carry", async () => {
    const response = await post("/v1/runs", { command: ["a"] }, { "idempotency-key": "with spaces" });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: "idempotencykey_invalid" });
  });

  it("refuses a body that is too large, with and without a declared length", async () => {
    const large = JSON.stringify({ command: ["a".repeat(9 * 1024 * 1024)] });
    const declared = await post("/v1/runs", large);
    expect(declared.status).toBe(413);
    const chunked = await server.request("/v1/runs", { method: "POST", body: new Blob([large]).stream(), duplex: "half" });
    expect(chunked.status).toBe(413);
    expect(await chunked.json()).toMatchObject({ code: "body_too_large" });
  });
});

describe("GET /v1/runs", () => {
  it("gives every run once, page by page, newest first", async () => {
    const mine = [];
    for (let i = 0; i < 5; i++) mine.unshift((await accepted(server, server.other.id)).id);
    const seen: string[] = [];
    let cursor: string | null = "";
    for (let pages = 0; cursor !== null && pages < 10; pages++) {
      const page: Page<RunSummary> = (await (await server.request(`/v1/runs?limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`, { token: server.other.producer })).json()) as Page<RunSummary>;
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map((run) => run.id));
      cursor = page.next;
    }
    expect(seen.slice(0, 5)).toEqual(mine);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it("leaves out runs that have ended", async () => {
    const { runId, end } = await executing(server, server.acme.id);
    const open = async () => (await get<Page<RunSummary>>("/v1/runs?open=true&limit=200")).items.map((run) => run.id);
    expect(await open()).toContain(runId);
    await end({ kind: "exited", code: 0 });
    expect(await open()).not.toContain(runId);
  });

  it.each([
    ["limit=0", "query.limit"],
    ["limit=201", "query.limit"],
    ["limit=-1", "query.limit"],
    ["open=yes", "query.open"],
    ["cursor=nonsense", "query.cursor"],
    ["cursor=%00", "query.cursor"],
    ["page=2", "query.page"],
    ["limit=1&limit=2", "query.limit"],
  ])("refuses ?%s and names the key", async (query, field) => {
    const response = await server.request(`/v1/runs?${query}`);
    expect(response.status).toBe(422);
    expect(((await response.json()) as Problem).errors?.map((e) => e.field)).toEqual([field]);
  });
});

describe("GET /v1/runs/:id", () => {
  it.each(["abc", "%00", "..%2Fx", randomUUID()])("knows no run %s", async (id) => {
    const response = await server.request(`/v1/runs/${id}`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "run_not_found" });
  });

  it("tells when what happened, in order", async () => {
    const { runId, end, print } = await executing(server, server.acme.id);
    await print("stdout", "x");
    await end({ kind: "exited", code: 3 });
    const run = await get<Run>(`/v1/runs/${runId}`);
    expect(run).toMatchObject({ phase: "ended", result: "failed", outcome: { kind: "exited", code: 3 }, waiting: null });
    const what = run.timeline.map((entry) => entry.event);
    expect(what.filter((event) => /^(run|execution)/.test(event))).toEqual([
      "run.accepted",
      "run.acquiring",
      "run.acquired",
      "run.realized",
      "execution.created",
      "execution.started",
      "execution.first_output",
      "execution.finished",
      "run.ended",
    ]);
    expect(what).toEqual(expect.arrayContaining(["lease.request", "lease.claim", "lease.acquired"]));
    expect([...run.timeline].sort((a, b) => (a.at < b.at ? -1 : 1)).map((e) => e.at)).toEqual(run.timeline.map((e) => e.at));
  });

  it("says what a run waits for", async () => {
    const waiting = async (id: string) => (await get<Run>(`/v1/runs/${id}`)).waiting;
    const early = await accepted(server, server.acme.id);
    expect(await waiting(early.id)).toMatchObject({ code: "no_worker", reason: expect.stringContaining("no living worker") });

    const environment = await insertEnvironment(server.db, server.acme.id, {
      name: "narrow", description: null, driver: "ssh", backend: "ssh", config: {}, envVars: {}, maxLeases: 1, metadata: {},
    });
    const first = await acquiring(server, server.acme.id, { environment });
    expect(await waiting(first.run.id)).toMatchObject({ code: "no_worker", reason: expect.stringContaining("no living worker serves backend ssh") });

    const worker = { id: randomUUID(), host: randomUUID(), hostName: "h", pid: 1, version: "0", backends: ["ssh"] };
    await beatWorker(server.db, worker);
    expect(await waiting(first.run.id)).toMatchObject({ code: "worker" });
    const second = await acquiring(server, server.acme.id, { environment });
    const third = await acquiring(server, server.acme.id, { environment });
    await activate(server, first.lease);
    expect(await waiting(second.run.id)).toMatchObject({ code: "slot", ahead: 0 });
    expect(await waiting(third.run.id)).toMatchObject({ code: "slot", ahead: 1, reason: "waits for a slot of environment narrow (max 1): 1 ahead" });
    await removeWorker(server.db, worker.id);
  });
});

describe("POST /v1/runs/:id/cancel", () => {
  it("asks for the end, once", async () => {
    const run = await accepted(server, server.acme.id);
    const first = (await (await post(`/v1/runs/${run.id}/cancel`, "")).json()) as Run;
    expect(first.cancelRequestedAt).not.toBeNull();
    const again = (await (await post(`/v1/runs/${run.id}/cancel`, {})).json()) as Run;
    expect(again.cancelRequestedAt).toBe(first.cancelRequestedAt);
  });

  it("leaves a run that has ended as it is", async () => {
    const { runId, end } = await executing(server, server.acme.id);
    await end({ kind: "exited", code: 0 });
    const run = (await (await post(`/v1/runs/${runId}/cancel`, "")).json()) as Run;
    expect(run).toMatchObject({ cancelRequestedAt: null, result: "succeeded" });
  });

  it("takes no words", async () => {
    const run = await accepted(server, server.acme.id);
    const response = await post(`/v1/runs/${run.id}/cancel`, { why: "so" });
    expect(response.status).toBe(422);
    expect(((await response.json()) as Problem).errors?.[0]?.field).toBe("body.why");
  });
});
