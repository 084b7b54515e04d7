import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { ensureLocalEnvironment } from "../../src/db/environments.ts";
import { newId } from "../../src/domain/ids.ts";
import { localDriver } from "../../src/drivers/local/driver.ts";
import { insertLeaseIn } from "../support/lease-rows.ts";
import { startProber } from "../support/prober.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { type ApiDocument, readDocument } from "./document.ts";
import { created, executing, held } from "./run-states.ts";

let server: ApiServer;
let document: ApiDocument;
let prober: AsyncDisposable;
let root: string;
let ids: { stuck: string; lost: string; ended: string; run: string; lease: string; environment: string; held: string; execution: string; secret: string };
beforeAll(async () => {
  server = await startApi();
  document = await readDocument(server);
  const { runId, lease } = await executing(server, server.acme.id);
  const adHoc = await held(server, server.acme.id);
  const execution = await created(server, adHoc);
  const { id: secret } = await server.client(server.acme.producer).secrets.create({ name: "token", value: "acme's own" });
  const over = await executing(server, server.acme.id);
  await over.end({ kind: "exited", code: 0 });
  const stuck = async () => (await insertLeaseIn(server.db, server.acme.id, { state: "stuck" })).id;
  ids = { stuck: await stuck(), lost: await stuck(), ended: over.runId, run: runId, lease: lease.id, environment: (await ensureLocalEnvironment(server.db, server.acme.id)).id, held: adHoc.id, execution: execution.id, secret };
  root = await mkdtemp(join(tmpdir(), "leasehold-test-"));
  prober = await startProber(server.db, { url: inject("redisUrl"), prefix: server.prefix }, localDriver({ root, installation: newId() }));
});
afterAll(async () => {
  await prober[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  /** Status for acme's producer and operator. */
  readonly own: number;
  /** Status for acme's producer where it is another one. */
  readonly producer?: number;
  /** Status for somebody else's producer: as if it were not there, or only their own. */
  readonly foreign: number;
  /** ... and of somebody else's operator, who asks second, where that makes a difference. */
  readonly again?: number;
  /** `{secret}` in it stands for the id. */
  readonly body?: unknown;
}

const secretRef = { type: "secret_ref", secretId: "{secret}" };

const routes: readonly Route[] = [
  { method: "POST", path: "/v1/runs", own: 201, foreign: 201, body: { command: ["true"] } },
  { method: "GET", path: "/v1/runs", own: 200, foreign: 200 },
  { method: "GET", path: "/v1/runs/{run}", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/runs/{run}/output", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/runs/{run}/output?follow=true", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/runs/{run}/events", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/environments", own: 409, foreign: 201, again: 409, body: { name: "Mine", driver: "local" } },
  { method: "GET", path: "/v1/environments", own: 200, foreign: 200 },
  { method: "GET", path: "/v1/environments/{environment}", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/environments/Local", own: 200, foreign: 404 },
  { method: "PATCH", path: "/v1/environments/{environment}", own: 200, foreign: 404, body: { maxLeases: 100 } },
  { method: "POST", path: "/v1/environments/{environment}/archive", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/environments/{environment}/unarchive", own: 200, foreign: 404 },
  { method: "DELETE", path: "/v1/environments/{environment}", own: 409, foreign: 404 },
  { method: "POST", path: "/v1/environments/{environment}/probe", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/environments/probe", own: 200, foreign: 200, body: { driver: "local" } },
  { method: "PUT", path: "/v1/default-environment", own: 200, foreign: 404, body: { environment: "Local" } },
  { method: "GET", path: "/v1/default-environment", own: 200, foreign: 200 },
  { method: "GET", path: "/v1/leases", own: 200, foreign: 200 },
  { method: "GET", path: "/v1/leases?environment={environment}", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/leases?run={run}", own: 200, foreign: 200 },
  { method: "GET", path: "/v1/runs?environment={environment}", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/runs?producerIssueId=issue&since=2020-01-01T00:00:00Z", own: 200, foreign: 200 },
  { method: "GET", path: "/v1/activity", own: 200, foreign: 200 },
  { method: "GET", path: "/v1/activity?entity={lease}", own: 200, foreign: 200 },
  { method: "POST", path: "/v1/leases/{stuck}/retry", own: 200, producer: 403, foreign: 404 },
  { method: "POST", path: "/v1/leases/{lost}/forget", own: 200, producer: 403, foreign: 404, body: { reason: "its machine burnt down" } },
  { method: "POST", path: "/v1/runs/{ended}/retry", own: 201, foreign: 404 },
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
  { method: "POST", path: "/v1/secrets", own: 409, foreign: 201, again: 409, body: { name: "token", value: "a value of one's own" } },
  { method: "POST", path: "/v1/secrets", own: 404, foreign: 201, again: 409, body: { name: "theirs", store: "files", path: "other/token" } },
  { method: "GET", path: "/v1/secrets", own: 200, foreign: 200 },
  { method: "GET", path: "/v1/secrets/{secret}", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/secrets/{secret}/accesses", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/secrets/{secret}/versions", own: 201, foreign: 404, body: { value: "another" } },
  { method: "POST", path: "/v1/secrets/{secret}/disable", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/secrets/{secret}/enable", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/secret-stores", own: 200, foreign: 200 },
  { method: "POST", path: "/v1/runs", own: 201, foreign: 404, body: { command: ["true"], env: { TOKEN: secretRef } } },
  { method: "POST", path: "/v1/leases/{held}/executions", own: 201, foreign: 404, body: { command: ["true"], env: { TOKEN: secretRef } } },
  { method: "POST", path: "/v1/environments", own: 409, foreign: 404, body: { name: "Refers", driver: "local", envVars: { TOKEN: secretRef } } },
  { method: "DELETE", path: "/v1/secrets/gone", own: 404, foreign: 404 },
  { method: "POST", path: "/v1/leases/{held}/release", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/leases/{lease}/release", own: 200, foreign: 404 },
  { method: "POST", path: "/v1/runs/{run}/cancel", own: 200, foreign: 404 },
  { method: "GET", path: "/v1/nothing", own: 404, foreign: 404 },
];
const open: readonly Route[] = [
  { method: "GET", path: "/healthz", own: 200, foreign: 200 },
  { method: "GET", path: "/readyz", own: 200, foreign: 200 },
];

/** For operators, of whatever company: about the whole fleet. Foreign ones are asked for by another company's operator. */
const fleetWide: readonly Route[] = [
  { method: "POST", path: "/v1/companies", own: 422, producer: 403, foreign: 422, body: { name: "" } },
  { method: "GET", path: "/v1/companies", own: 200, producer: 403, foreign: 200 },
  { method: "GET", path: "/v1/companies/acme", own: 200, producer: 403, foreign: 200 },
  { method: "PATCH", path: "/v1/companies/acme", own: 200, producer: 403, foreign: 200, body: { maxLeases: null } },
  { method: "POST", path: "/v1/companies/acme/tokens", own: 201, producer: 403, foreign: 201, body: { name: "x" } },
  { method: "GET", path: "/v1/companies/acme/tokens", own: 200, producer: 403, foreign: 200 },
  { method: "DELETE", path: "/v1/companies/acme/tokens/{run}", own: 404, producer: 403, foreign: 404 },
  { method: "GET", path: "/v1/hosts", own: 200, producer: 403, foreign: 200 },
  { method: "GET", path: "/v1/hosts/nobody", own: 404, producer: 403, foreign: 404 },
  { method: "POST", path: "/v1/hosts/nobody/drain", own: 404, producer: 403, foreign: 404 },
  { method: "POST", path: "/v1/hosts/nobody/undrain", own: 404, producer: 403, foreign: 404 },
  { method: "GET", path: "/v1/master-keys", own: 200, producer: 403, foreign: 200 },
  { method: "DELETE", path: "/v1/master-keys/nobody", own: 404, producer: 403, foreign: 404 },
  { method: "GET", path: "/v1/reconcile", own: 200, producer: 403, foreign: 200 },
  { method: "POST", path: "/v1/reconcile/run", own: 200, producer: 403, foreign: 200 },
  { method: "POST", path: "/v1/reconcile/confirm", own: 409, producer: 403, foreign: 409 },
];

const ask = async ({ method, path, body }: Route, token: string | null): Promise<Response> => {
  const filled = path.replace(/\{(\w+)\}/, (_all, name: keyof typeof ids) => ids[name]);
  const response = await server.request(filled, { method, token, ...(body === undefined ? {} : { body: JSON.stringify(body).replace("{secret}", ids.secret) }) });
  if (response.headers.get("content-type")?.includes("json") !== true) await response.body?.cancel();
  else expect(document.faultOf(method, filled.replace(/\?.*/, ""), response.status, await response.clone().json())).toBeNull();
  return response;
};

describe("I12: who may ask for what", () => {
  it("I12: every route of the document has its row here", async () => {
    const rows = [...routes, ...fleetWide, ...open].map(({ method, path }) => document.routeOf(method, path.replace(/\?.*/, ""))).filter((route) => route !== undefined);
    expect(new Set(rows)).toEqual(new Set(document.routes));
  });

  it.each([...routes, ...fleetWide])("I12: $method $path is nothing for who has no token", async (route) => {
    const response = await ask(route, null);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="leasehold"');
    expect(await response.json()).toMatchObject({ code: "token_missing", status: 401 });
  });

  it.each([...routes, ...fleetWide])("I12: $method $path is nothing for a token nobody has", async (route) => {
    const response = await ask(route, `${server.acme.producer}x`);
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain(server.acme.producer);
  });

  it.each(routes.flatMap((route) => (["producer", "operator"] as const).map((role) => ({ ...route, role }))))("I12: $method $path of one company does not exist for another's $role", async ({ role, ...route }) => {
    const response = await ask(route, server.other[role]);
    if (role === "producer" && route.producer !== undefined) {
      expect([response.status, await response.json()]).toMatchObject([route.producer, { code: "operator_required" }]);
      return;
    }
    const text = await response.text();
    if (role === "operator" && route.again !== undefined) {
      expect(response.status).toBe(route.again);
      for (const id of Object.values(ids)) expect(text).not.toContain(id);
      return;
    }
    expect(response.status).toBe(route.foreign);
    // A refusal repeats what was asked for, and nothing else tells of what another company has.
    if (response.ok) for (const id of Object.values(ids)) expect(text).not.toContain(id);
    else expect(JSON.parse(text)).toMatchObject({ code: expect.stringMatching(/_not_found$/), status: 404 });
  });

  it.each(routes.flatMap((route) => (["producer", "operator"] as const).map((role) => ({ ...route, role }))))("$method $path for the company's own $role", async ({ role, ...route }) => {
    expect((await ask(route, server.acme[role])).status).toBe(role === "producer" ? (route.producer ?? route.own) : route.own);
  });

  it.each(fleetWide)("I12: $method $path is for operators only, of whatever company", async (route) => {
    for (const { producer, operator } of [server.acme, server.other]) {
      expect((await ask(route, producer)).status).toBe(route.producer);
      expect((await ask(route, operator)).status).toBe(operator === server.acme.operator ? route.own : route.foreign);
    }
  });

  it.each(open)("$method $path needs no token", async (route) => {
    expect((await ask(route, null)).status).toBe(route.own);
  });
});
