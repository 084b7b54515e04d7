import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { ensureLocalEnvironment } from "../../src/db/environments.ts";
import { newId } from "../../src/domain/ids.ts";
import { localDriver } from "../../src/drivers/local/driver.ts";
import { startProber } from "../support/prober.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { type ApiDocument, readDocument } from "./document.ts";
import { created, executing, held } from "./run-states.ts";

let server: ApiServer;
let document: ApiDocument;
let prober: AsyncDisposable;
let root: string;
let ids: { run: string; lease: string; environment: string; held: string; execution: string };
beforeAll(async () => {
  server = await startApi();
  document = await readDocument(server);
  const { runId, lease } = await executing(server, server.acme.id);
  const adHoc = await held(server, server.acme.id);
  const execution = await created(server, adHoc);
  ids = { run: runId, lease: lease.id, environment: (await ensureLocalEnvironment(server.db, server.acme.id)).id, held: adHoc.id, execution: execution.id };
  root = await mkdtemp(join(tmpdir(), "leasehold-test-"));
  prober = await startProber(server.db, { url: inject("redisUrl"), prefix: server.prefix }, localDriver({ root, installation: newId() }));
});
afterAll(async () => {
  await prober[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  readonly path: string;
  /** Status for acme's producer and operator. */
  readonly own: number;
  /** Status for somebody else's producer: as if it were not there, or only their own. */
  readonly foreign: number;
  readonly body?: unknown;
}

const routes: readonly Route[] = [
  { method: "POST", path: "/v1/runs", own: 201, foreign: 201, body: { command: ["true"] } },
  { method: "GET", path: "/v1/runs", own: 200, foreign: 200 },
  { method: "GET", path: "/v1/runs/{run}", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/runs/{run}/output", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/runs/{run}/output?follow=true", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/runs/{run}/events", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/environments", own: 409, foreign: 201, body: { name: "Mine", driver: "local" } },
  { method: "GET", path: "/v1/environments", own: 200, foreign: 200 },
  { method: "GET", path: "/v1/environments/{environment}", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/environments/Local", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/environments/{environment}/probe", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/environments/probe", own: 200, foreign: 200, body: { driver: "local" } },
  { method: "PUT", path: "/v1/default-environment", own: 200, foreign: 404, body: { environment: "Local" } },
  { method: "GET", path: "/v1/default-environment", own: 200, foreign: 200 },
  { method: "GET", path: "/v1/leases", own: 200, foreign: 200 },
  { method: "GET", path: "/v1/leases/{lease}", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/leases", own: 201, foreign: 201, body: {} },
  { method: "POST", path: "/v1/leases", own: 201, foreign: 404, body: { environment: "Local" } },
  { method: "POST", path: "/v1/leases/{held}/renew", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/leases/{held}/executions", own: 201, foreign: 404, body: { command: ["true"] } },
  { method: "GET", path: "/v1/leases/{held}/executions", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/executions/{execution}", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/executions/{execution}/output", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/executions/{execution}/output?follow=true", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/executions/{execution}/events", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/executions/{execution}/cancel", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/leases/{held}/release", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/leases/{lease}/release", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/runs/{run}/cancel", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/nothing", own: 404, foreign: 404 },
];
/** About the whole fleet: the company of who asks makes no difference, the role does. `own` is what any operator gets. */
const forOperators: readonly Route[] = [
  { method: "GET", path: "/v1/companies", own: 200, foreign: 403 },
  { method: "GET", path: "/v1/companies/acme", own: 200, foreign: 403 },
  { method: "PATCH", path: "/v1/companies/acme", own: 200, foreign: 403, body: { maxLeases: null } },
  { method: "GET", path: "/v1/hosts", own: 200, foreign: 403 },
  { method: "GET", path: "/v1/hosts/nowhere", own: 404, foreign: 403 },
  { method: "POST", path: "/v1/hosts/nowhere/drain", own: 404, foreign: 403 },
  { method: "POST", path: "/v1/hosts/nowhere/undrain", own: 404, foreign: 403 },
  { method: "GET", path: "/v1/reconcile", own: 200, foreign: 403 },
  { method: "POST", path: "/v1/reconcile/run", own: 200, foreign: 403 },
  { method: "POST", path: "/v1/reconcile/confirm", own: 409, foreign: 403 },
];
const open: readonly Route[] = [
  { method: "GET", path: "/healthz", own: 200, foreign: 200 },
  { method: "GET", path: "/readyz", own: 200, foreign: 200 },
];

const ask = async ({ method, path, body }: Route, token: string | null): Promise<Response> => {
  const filled = path.replace(/\{(\w+)\}/, (_all, name: keyof typeof ids) => ids[name]);
  const response = await server.request(filled, { method, token, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  if (response.headers.get("content-type")?.includes("json") !== true) await response.body?.cancel();
  else expect(document.faultOf(method, filled.replace(/\?.*/, ""), response.status, await response.clone().json())).toBeNull();
  return response;
};

describe("I12: who may ask for what", () => {
  it("I12: every route of the document has its row here", async () => {
    const rows = [...routes, ...forOperators, ...open].map(({ method, path }) => document.routeOf(method, path.replace(/\?.*/, ""))).filter((route) => route !== undefined);
    expect(new Set(rows)).toEqual(new Set(document.routes));
  });

  it.each([...routes, ...forOperators])("I12: $method $path is nothing for who has no token", async (route) => {
    const response = await ask(route, null);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="leasehold"');
    expect(await response.json()).toMatchObject({ code: "token_missing", status: 401 });
  });

  it.each([...routes, ...forOperators])("I12: $method $path is nothing for a token nobody has", async (route) => {
    const response = await ask(route, `${server.acme.producer}x`);
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain(server.acme.producer);
  });

  it.each(routes)("I12: $method $path of one company does not exist for another", async (route) => {
    const response = await ask(route, server.other.producer);
    expect(response.status).toBe(route.foreign);
    const text = await response.text();
    // A refusal repeats what was asked for, and nothing else tells of what another company has.
    if (response.ok) for (const id of Object.values(ids)) expect(text).not.toContain(id);
    else expect(JSON.parse(text)).toMatchObject({ code: expect.stringMatching(/_not_found$/), status: 404 });
  });

  it.each(routes.flatMap((route) => (["producer", "operator"] as const).map((role) => ({ ...route, role }))))("$method $path for the company's own $role", async ({ role, ...route }) => {
    expect((await ask(route, server.acme[role])).status).toBe(route.own);
  });

  it.each(forOperators.flatMap((route) => (["acme", "other"] as const).map((company) => ({ ...route, company }))))("I12: $method $path is for operators, here $company's", async ({ company, ...route }) => {
    const refused = await ask(route, server[company].producer);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ code: "operator_required" });
    expect((await ask(route, server[company].operator)).status).toBe(route.own);
  });

  it.each(open)("$method $path needs no token", async (route) => {
    expect((await ask(route, null)).status).toBe(route.own);
  });
});
