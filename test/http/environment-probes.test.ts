import { Queue } from "bullmq";
import { desc, eq, sql } from "drizzle-orm";
import { readdir, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalog } from "../../queues/catalog.ts";
import type { Environment, Probe, Problem } from "../../src/client/index.ts";
import { ensureLocalEnvironment, insertEnvironment } from "../../src/db/environments.ts";
import { activityLog, environments } from "../../src/db/schema.ts";
import { eventually } from "../support/eventually.ts";
import { pretendWorker } from "../support/prober.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { type ApiWorker, startWorker } from "./api-worker.ts";

let server: ApiServer;
let queue: Queue;
beforeAll(async () => {
  server = await startApi();
  queue = new Queue(catalog.probe.queue("local", null), { connection: server.redis, prefix: server.prefix, skipVersionCheck: true });
});
afterAll(async () => {
  await queue.close();
  await server[Symbol.asyncDispose]();
});

const probe = (name: string, token = server.acme.producer) => server.request(`/v1/environments/${encodeURIComponent(name)}/probe`, { method: "POST", token });
const probeUnsaved = (body: unknown) => server.request("/v1/environments/probe", { method: "POST", body: JSON.stringify(body) });
const lastNoted = async () => (await server.db.select().from(activityLog).where(eq(activityLog.companyId, server.acme.id)).orderBy(desc(activityLog.id)).limit(1))[0];
const jobs = () => queue.getJobCounts("wait", "active", "delayed", "completed", "failed");
const none = { wait: 0, active: 0, delayed: 0, completed: 0, failed: 0 };

describe("a probe without a living worker", () => {
  it("is refused at once, with what to do, and puts no question", async () => {
    await ensureLocalEnvironment(server.db, server.acme.id);
    for (const response of [await probe("Local"), await probeUnsaved({ driver: "local" })]) {
      expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
      expect(await response.json()).toMatchObject({ code: "no_worker", detail: expect.stringContaining("leasehold worker --backends local") });
    }
    expect(await jobs()).toEqual(none);
  });

  it("takes its question back when its asker leaves", async () => {
    await pretendWorker(server.db);
    const leave = new AbortController();
    const asked = server.request("/v1/environments/Local/probe", { method: "POST", signal: leave.signal });
    await eventually(async () => expect(await jobs()).toEqual({ ...none, wait: 1 }));
    leave.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    await eventually(async () => expect(await jobs()).toEqual(none));
    await eventually(async () => expect(await server.redis.pubsub("CHANNELS", `${server.prefix}:answer:*`)).toEqual([]));
  });
});

describe("a probe that a worker answers", () => {
  let worker: ApiWorker;
  let local: Environment;
  beforeAll(async () => {
    worker = await startWorker(server);
    local = await server.client().environments.get("Local");
  });
  afterAll(() => worker[Symbol.asyncDispose]());

  it("says what was looked at, changes nothing, and leaves nothing in Redis", async () => {
    const before = await readdir(worker.dataDir, { recursive: true });
    for (const key of [local.id, "Local"]) {
      const response = await probe(key);
      const said = (await response.json()) as Probe;
      expect(response.status).toBe(200);
      expect(said).toMatchObject({ ok: true, summary: "this machine can hold leases", host: hostname() });
      expect(said.tookMs).toBeGreaterThanOrEqual(0);
      expect(said.diagnostics.map((d) => [d.check, d.ok])).toEqual([["root", true], ["tools", true], ["space", true], ["proc", true]]);
    }
    expect(await readdir(worker.dataDir, { recursive: true })).toEqual(before);
    expect(await server.client().leases.list().next()).toMatchObject({ done: true });
    await eventually(async () => expect(await jobs()).toEqual(none));
  });

  it("is noted for the company, saved or not", async () => {
    await probe("Local");
    expect(await lastNoted()).toMatchObject({ action: "environment.probed", entityType: "environment", entityId: local.id, details: { name: "Local", ok: true, summary: "this machine can hold leases" } });
    expect(await server.client().environments.probeConfig({ driver: "local" })).toMatchObject({ ok: true });
    expect(await lastNoted()).toMatchObject({ action: "environment.probed_unsaved", entityType: "company", entityId: server.acme.id, details: { driver: "local", ok: true } });
  });

  it("does not fail because it could not be noted", async () => {
    await server.db.execute(sql`alter table activity_log rename to elsewhere`);
    const response = await probe("Local");
    await server.db.execute(sql`alter table elsewhere rename to activity_log`);
    expect(await response.json()).toMatchObject({ ok: true });
  });

  it("answers for an archived environment too", async () => {
    await server.db.update(environments).set({ status: "archived" }).where(eq(environments.id, local.id));
    expect(await (await probe("Local")).json()).toMatchObject({ ok: true });
    await server.db.update(environments).set({ status: "active" }).where(eq(environments.id, local.id));
  });

  it("I12: knows nothing of another company's environment", async () => {
    await insertEnvironment(server.db, server.other.id, { name: "Theirs", description: null, driver: "local", backend: "local", config: {}, envVars: {}, maxLeases: null, metadata: {} });
    for (const key of ["Theirs", "nothing"]) expect(await (await probe(key)).json()).toMatchObject({ status: 404, code: "environment_not_found" });
    expect(await (await probe(local.id, server.other.producer)).json()).toMatchObject({ status: 404, code: "environment_not_found" });
    expect(await (await probe("Theirs", server.other.producer)).json()).toMatchObject({ ok: true });
  });

  it("says that a saved config does not fit the driver any more", async () => {
    await server.db.update(environments).set({ config: { moon: 1 } }).where(eq(environments.id, local.id));
    const response = await probe("Local");
    await server.db.update(environments).set({ config: {} }).where(eq(environments.id, local.id));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ ok: false, diagnostics: [{ check: "config", ok: false, message: expect.stringContaining("config.moon"), remedy: expect.any(String) }] });
  });

  it.each([
    [{ driver: "local", config: { root: "/" } }, 422, "config_invalid", ["config.root"]],
    [{ driver: "local", colour: "red" }, 422, "environment_invalid", ["environment.colour"]],
    [{ driver: "local", name: "x" }, 422, "environment_invalid", ["environment.name"]],
    [{ driver: "moon" }, 422, "environment_invalid", ["environment.driver"]],
    [{}, 422, "environment_invalid", ["environment.driver"]],
    [{ driver: "sandbox", config: { provider: "nobody" } }, 422, "unsupported_environment", undefined],
  ])("is refused for %j", async (body, status, code, fields) => {
    const problem = (await (await probeUnsaved(body)).json()) as Problem;
    expect(problem).toMatchObject({ status, code });
    expect(problem.errors?.map((e) => e.field)).toEqual(fields);
  });

  it("is refused for what is no JSON, and for a body where none belongs", async () => {
    expect((await server.request("/v1/environments/probe", { method: "POST", body: "{" })).status).toBe(400);
    const withBody = await server.request("/v1/environments/Local/probe", { method: "POST", body: JSON.stringify({ driver: "local" }) });
    expect(await withBody.json()).toMatchObject({ status: 422, code: "body_invalid" });
  });

  it("finds a root that cannot be written to, and says what to do", async () => {
    const root = join(worker.dataDir, "leases");
    await rm(root, { recursive: true });
    await writeFile(root, "in the way", { mode: 0o600 });
    const response = await probe("Local");
    const said = (await response.json()) as Probe;
    expect(response.status).toBe(200);
    expect(said).toMatchObject({ ok: false, summary: `${root} cannot be written to` });
    expect(said.diagnostics.find((d) => !d.ok)).toMatchObject({ check: "root", remedy: expect.stringContaining("write permission") });
    expect(await lastNoted()).toMatchObject({ action: "environment.probed", details: { ok: false } });
  });
});
