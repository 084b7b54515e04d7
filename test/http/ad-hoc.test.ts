import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Execution, ExecutionEvent, ExecutionSummary, Lease, Page, Problem } from "../../src/client/index.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { environments } from "../../src/db/schema.ts";
import { findExecution } from "../../src/db/executions.ts";
import { eq } from "drizzle-orm";
import { beatWorker, removeWorker } from "../../src/db/workers.ts";
import { newId } from "../../src/domain/ids.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { eventually } from "../support/eventually.ts";
import { created, executing, held, requested, start } from "./run-states.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

const post = (path: string, body: unknown = {}, headers: Record<string, string> = {}) => server.request(path, { method: "POST", body: JSON.stringify(body), headers });
const get = async <T>(path: string): Promise<T> => (await (await server.request(path)).json()) as T;
const lease = async (response: Response): Promise<Lease> => (await response.json()) as Lease;
const box = (name: string, wish: { maxLeases?: number; backend?: string } = {}) =>
  insertEnvironment(server.db, server.acme.id, { name, description: null, driver: "sandbox", backend: wish.backend ?? "sandbox-fake", config: {}, envVars: {}, maxLeases: wish.maxLeases ?? null, metadata: {} });

describe("POST /v1/leases", () => {
  it("asks for a lease of nobody's run, and says where it is and what it waits for", async () => {
    const response = await post("/v1/leases", { queueTimeoutMs: 60_000, maxLifeMs: 1000 });
    const made = await lease(response);
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/v1/leases/${made.id}`);
    expect(made).toMatchObject({ state: "requested", policy: "ephemeral", backend: "local", runId: null, issueId: null, executionWorkspaceId: null, idempotencyKey: null, waiting: { code: "no_worker" } });
    expect(made.waiting?.reason).toContain("leasehold worker --backends local");
  });

  it("takes the environment by name or id, and says how many are ahead", async () => {
    const environment = await box("Full", { maxLeases: 1 });
    const worker = { id: newId(), host: newId(), hostName: "h", pid: 1, version: "0", backends: ["sandbox-fake"] };
    await beatWorker(server.db, worker);
    const first = await lease(await post("/v1/leases", { environment: "Full" }));
    const second = await lease(await post("/v1/leases", { environment: environment.id }));
    expect([first.environmentId, second.environmentId]).toEqual([environment.id, environment.id]);
    expect(first.waiting?.code).toBe("worker");
    expect((await get<Lease>(`/v1/leases/${second.id}`)).waiting).toMatchObject({ code: "slot", ahead: 1 });
    await removeWorker(server.db, worker.id);
  });

  it("gives the same lease for the same key, whatever became of it or its environment, and refuses the key for another request", async () => {
    const environment = await box("Passing");
    const key = { "idempotency-key": randomUUID() };
    const first = await lease(await post("/v1/leases", { environment: "Passing" }, key));
    expect(first.idempotencyKey).toBe(key["idempotency-key"]);
    await post(`/v1/leases/${first.id}/release`);
    await server.db.update(environments).set({ status: "archived" }).where(eq(environments.id, environment.id));
    const again = await post("/v1/leases", { environment: "Passing", maxLifeMs: 8 * 3_600_000 }, key);
    expect(again.status).toBe(200);
    expect(await lease(again)).toMatchObject({ id: first.id, state: "expired" });
    const other = await post("/v1/leases", { environment: "Passing", maxLifeMs: 1 }, key);
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({ code: "idempotency_key_reused" });
    expect(await (await post("/v1/leases", { environment: "Passing" })).json()).toMatchObject({ status: 422, code: "environment_inactive" });
  });

  it("makes one lease however many ask at once with one key", async () => {
    const headers = { "idempotency-key": randomUUID() };
    const all = await Promise.all(Array.from({ length: 8 }, () => post("/v1/leases", {}, headers)));
    expect(all.filter((r) => r.status === 201)).toHaveLength(1);
    expect(all.filter((r) => r.status === 200)).toHaveLength(7);
    expect(new Set(await Promise.all(all.map(async (r) => (await lease(r)).id))).size).toBe(1);
  });

  it("I12: a key of one company is free for another", async () => {
    const headers = { "idempotency-key": randomUUID() };
    await post("/v1/leases", {}, headers);
    expect((await server.request("/v1/leases", { method: "POST", body: "{}", headers, token: server.other.producer })).status).toBe(201);
  });

  it.each([
    ["an unknown key", { environments: "x" }, 422, "lease_invalid", ["lease.environments"]],
    ["several faults at once", { queueTimeoutMs: 0, maxLifeMs: 8 * 24 * 3_600_000 }, 422, "lease_invalid", ["lease.maxLifeMs", "lease.queueTimeoutMs"]],
    ["an environment that is not there", { environment: "Nowhere" }, 404, "environment_not_found", []],
    ["a NUL", { environment: "a\0b" }, 422, "lease_invalid", ["lease.environment"]],
  ])("refuses %s", async (_name, body, status, code, fields) => {
    const problem = (await (await post("/v1/leases", body)).json()) as Problem;
    expect(problem).toMatchObject({ status, code });
    expect((problem.errors ?? []).map((e) => e.field).sort()).toEqual(fields);
  });

  it("refuses a key that no header should carry", async () => {
    expect(await (await post("/v1/leases", {}, { "idempotency-key": "with spaces" })).json()).toMatchObject({ code: "idempotencykey_invalid" });
  });
});

describe("POST /v1/leases/:id/renew", () => {
  it("moves the expiry, and answers with it", async () => {
    const active = await held(server, server.acme.id);
    const before = active.expiresAt?.getTime() ?? 0;
    const answer = await lease(await post(`/v1/leases/${active.id}/renew`));
    expect(Date.parse(answer.expiresAt ?? "")).toBeGreaterThan(before);
    expect(await get<Lease>(`/v1/leases/${active.id}`)).toEqual(answer);
    expect(answer.events.map((e) => e.event)).toEqual(["request", "claim", "acquired"]);
  });

  it("refuses a lease that is not active, naming its state", async () => {
    const waiting = await requested(server, server.acme.id);
    expect(await (await post(`/v1/leases/${waiting.id}/renew`)).json()).toMatchObject({ status: 409, code: "lease_not_active", detail: expect.stringContaining("requested") as string });
    const active = await held(server, server.acme.id);
    await post(`/v1/leases/${active.id}/release`);
    expect(await (await post(`/v1/leases/${active.id}/renew`)).json()).toMatchObject({ status: 409, code: "lease_not_active", detail: expect.stringContaining("releasing") as string });
  });

  it("refuses a run's lease, which is renewed for it", async () => {
    const run = await executing(server, server.acme.id);
    expect(await (await post(`/v1/leases/${run.lease.id}/renew`)).json()).toMatchObject({ status: 409, code: "lease_belongs_to_run", detail: expect.stringContaining(run.runId) as string });
  });
});

describe("POST /v1/leases/:id/executions", () => {
  const ask = async (id: string, body: unknown = { command: ["true"] }) => (await post(`/v1/leases/${id}/executions`, body)).json();

  it("asks for a command, and shows nothing of what it is given", async () => {
    const active = await held(server, server.acme.id);
    const response = await post(`/v1/leases/${active.id}/executions`, { command: ["echo", "hi"], cwd: "sub", env: { SECRET: "hunter2" }, stdin: "aHVudGVyMg==", timeoutMs: 5000, outputLimit: 10 });
    const text = await response.text();
    const execution = JSON.parse(text) as Execution;
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/v1/executions/${execution.id}`);
    expect(execution).toMatchObject({ state: "created", leaseId: active.id, runId: null, command: ["echo", "hi"], cwd: "sub", envNames: ["SECRET"], timeoutMs: 5000, outputLimit: 10, outcome: null, waiting: { code: "no_worker" } });
    const page = await (await server.request(`/v1/leases/${active.id}/executions`)).text();
    expect((JSON.parse(page) as Page<ExecutionSummary>).items.map((e) => e.id)).toEqual([execution.id]);
    expect(text + page).not.toMatch(/hunter2|aHVudGVyMg/);
  });

  it("refuses a lease that is not active, and a run's", async () => {
    const waiting = await requested(server, server.acme.id);
    expect(await ask(waiting.id)).toMatchObject({ status: 409, code: "lease_not_active", detail: expect.stringContaining("requested") as string });
    const run = await executing(server, server.acme.id);
    expect(await ask(run.lease.id)).toMatchObject({ status: 409, code: "lease_belongs_to_run" });
    expect(await ask(randomUUID())).toMatchObject({ status: 404, code: "lease_not_found" });
  });

  it.each([
    ["no command", {}, ["execution.command"]],
    ["a workspace, which a lease has already", { command: ["a"], workspace: { kind: "none" } }, ["execution.workspace"]],
    ["several faults at once", { command: [1], timeoutMs: 0, env: { LEASEHOLD_X: "c" } }, ["execution.command.0", "execution.env.LEASEHOLD_X", "execution.timeoutMs"]],
    ["more than Linux takes", { command: ["a"], env: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`V${i}`, "x".repeat(100_000)])) }, ["execution.env"]],
  ])("refuses %s", async (_name, body, fields) => {
    const problem = (await ask((await held(server, server.acme.id)).id, body)) as Problem;
    expect(problem).toMatchObject({ status: 422, code: "execution_invalid" });
    expect((problem.errors ?? []).map((e) => e.field).sort()).toEqual(fields);
  });
});

describe("an execution", () => {
  it("tells of itself from its waiting to its end, and goes on after the last event that was seen", async () => {
    const execution = await created(server, await held(server, server.acme.id));
    const client = server.client();
    const seen: ExecutionEvent[] = [];
    const watching = (async () => {
      for await (const event of client.executions.events(execution.id)) seen.push(event);
    })();
    // It is watched before anything happens.
    await eventually(() => expect(seen).toHaveLength(1));
    const pen = await start(server, execution.id);
    await pen.print("stdout", "hello ");
    await pen.print("stderr", "oh");
    await pen.print("stdout", "world");
    await pen.end({ kind: "exited", code: 7 });
    await watching;
    expect(seen[0]).toMatchObject({ type: "state", id: "0-0", state: expect.any(String) as string, killReason: null });
    expect(seen.at(-1)).toEqual({ type: "end", id: "11-2", outcome: { kind: "exited", code: 7 } });
    const printed = (events: ExecutionEvent[], stream: string) => events.flatMap((e) => (e.type === "output" && e.stream === stream ? [Buffer.from(e.bytes).toString()] : [])).join("");
    expect([printed(seen, "stdout"), printed(seen, "stderr")]).toEqual(["hello world", "oh"]);
    const rest: ExecutionEvent[] = [];
    for await (const event of client.executions.events(execution.id, { from: "4-2" })) rest.push(event);
    expect([printed(rest, "stdout"), printed(rest, "stderr")]).toEqual(["o world", ""]);
    const bytes: Uint8Array[] = [];
    for await (const piece of client.executions.output(execution.id, { offset: 6 })) bytes.push(piece);
    expect(Buffer.concat(bytes).toString()).toBe("world");
  });

  it("is followed from before its command runs to its end", async () => {
    const execution = await created(server, await held(server, server.acme.id));
    const waited = server.client().executions.wait(execution.id);
    const response = await server.request(`/v1/executions/${execution.id}/output?follow=true`);
    const pen = await start(server, execution.id);
    await pen.print("stdout", "out");
    await pen.end({ kind: "signalled", signal: "SIGSEGV" });
    expect(await response.text()).toBe("out");
    expect(await waited).toMatchObject({ state: "final", result: "failed", outcome: { kind: "signalled", signal: "SIGSEGV" } });
  });

  it("that nobody has begun to start ends at once when it is cancelled, and tells who waits", async () => {
    const execution = await created(server, await held(server, server.acme.id));
    const waited = server.client().executions.wait(execution.id);
    expect(await (await post(`/v1/executions/${execution.id}/cancel`)).json()).toMatchObject({ state: "final", outcome: { kind: "cancelled" } });
    expect((await waited).outcome).toEqual({ kind: "cancelled" });
  });

  it("that runs is asked to end, by the first reason", async () => {
    const execution = await created(server, await held(server, server.acme.id));
    await start(server, execution.id);
    expect(await (await post(`/v1/executions/${execution.id}/cancel`)).json()).toMatchObject({ state: "running", killReason: "cancelled", outcome: null });
    const first = (await findExecution(server.db, execution.id))?.killAskedAt;
    await post(`/v1/executions/${execution.id}/cancel`);
    expect((await findExecution(server.db, execution.id))?.killAskedAt).toEqual(first);
  });

  it("of a run is shown, and cancelled with its run only", async () => {
    const run = await executing(server, server.acme.id);
    const [{ id } = { id: "" }] = (await get<Page<ExecutionSummary>>(`/v1/leases/${run.lease.id}/executions`)).items;
    expect(await get<Execution>(`/v1/executions/${id}`)).toMatchObject({ runId: run.runId, state: "running" });
    expect(await (await post(`/v1/executions/${id}/cancel`)).json()).toMatchObject({ status: 409, code: "execution_belongs_to_run", detail: expect.stringContaining(run.runId) as string });
  });

  it.each(["x", randomUUID()])("%s is not known", async (id) => {
    expect(await get(`/v1/executions/${id}`)).toMatchObject({ status: 404, code: "execution_not_found" });
  });
});
