import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { ensureLocalEnvironment } from "../../src/db/environments.ts";
import { newId } from "../../src/domain/ids.ts";
import { localDriver } from "../../src/drivers/local/driver.ts";
import { startProber } from "../support/prober.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { created, executing, held } from "./run-states.ts";

let server: ApiServer;
let prober: AsyncDisposable;
let root: string;
let ids: { run: string; lease: string; environment: string; held: string; execution: string; secret: string };
beforeAll(async () => {
  server = await startApi();
  const { runId, lease } = await executing(server, server.acme.id);
  const adHoc = await held(server, server.acme.id);
  const execution = await created(server, adHoc);
  const { id: secret } = await server.client(server.acme.producer).secrets.create({ name: "token", value: "acme's own" });
  ids = { run: runId, lease: lease.id, environment: (await ensureLocalEnvironment(server.db, server.acme.id)).id, held: adHoc.id, execution: execution.id, secret };
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
  /** Status for somebody else's producer: as if it were not there, or only their own. */
  readonly foreign: number;
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
  { method: "POST", path: "/v1/secrets", own: 409, foreign: 201, body: { name: "token", value: "a value of one's own" } },
  { method: "POST", path: "/v1/secrets", own: 404, foreign: 201, body: { name: "theirs", store: "files", path: "other/token" } },
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

const ask = async ({ method, path, body }: Route, token: string | null): Promise<Response> => {
  const filled = path.replace(/\{(\w+)\}/, (_all, name: keyof typeof ids) => ids[name]);
  const response = await server.request(filled, { method, token, ...(body === undefined ? {} : { body: JSON.stringify(body).replace("{secret}", ids.secret) }) });
  if (response.headers.get("content-type")?.includes("json") !== true) await response.body?.cancel();
  return response;
};

describe("I12: who may ask for what", () => {
  it.each(routes)("I12: $method $path is nothing for who has no token", async (route) => {
    const response = await ask(route, null);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="leasehold"');
    expect(await response.json()).toMatchObject({ code: "token_missing", status: 401 });
  });

  it.each(routes)("I12: $method $path is nothing for a token nobody has", async (route) => {
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

  it.each(open)("$method $path needs no token", async (route) => {
    expect((await ask(route, null)).status).toBe(route.own);
  });
});
