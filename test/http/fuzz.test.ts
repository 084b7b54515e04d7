import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pLimit from "p-limit";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { ensureLocalEnvironment } from "../../src/db/environments.ts";
import { newId } from "../../src/domain/ids.ts";
import { localDriver } from "../../src/drivers/local/driver.ts";
import { startProber } from "../support/prober.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { type ApiDocument, readDocument } from "./document.ts";
import { type FuzzRequest, fuzzRequests } from "./fuzz-requests.ts";
import { created, ended, held } from "./run-states.ts";

const count = Number(process.env["FUZZ_REQUESTS"] ?? 10_000);
const seed = Number(process.env["FUZZ_SEED"] ?? 20_261_127);
/** An answer that takes longer hangs. Nobody measures how fast: it is longer than any that comes. */
const hangs = 45_000;

let server: ApiServer;
let document: ApiDocument;
let prober: AsyncDisposable;
let root: string;
let requests: readonly FuzzRequest[];
beforeAll(async () => {
  server = await startApi();
  document = await readDocument(server);
  const { id: company } = server.acme;
  const runs = [await ended(server, company), await ended(server, company)];
  const lease = await held(server, company);
  const execution = await created(server, lease);
  const environment = await ensureLocalEnvironment(server.db, company);
  root = await mkdtemp(join(tmpdir(), "leasehold-test-"));
  prober = await startProber(server.db, { url: inject("redisUrl"), prefix: server.prefix }, localDriver({ root, installation: newId() }));
  const known = {
    // What streams goes to its end: only of what has ended.
    "runs.id": runs.map((run) => run.runId),
    "executions.id": runs.map((run) => run.executionId),
    "leases.id": [lease.id, ...runs.map((run) => run.lease.id)],
    "environments.id": [environment.id, environment.name],
    name: ["acme", "other"],
    id: [execution.id],
  };
  requests = await fuzzRequests(document, known, seed, count);
});
afterAll(async () => {
  await prober[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

/** How many answers there were of each hundred of status codes. */
const answers = new Map<number, number>();

async function faultOf(request: FuzzRequest, token: string): Promise<string | null> {
  const { method, path, headers, body } = request;
  const said = `${method} ${path.slice(0, 200)} ${JSON.stringify(headers).slice(0, 200)} ${body?.slice(0, 300) ?? ""}`;
  try {
    const response = await server.request(path, { method, headers, token, signal: AbortSignal.timeout(hangs), ...(body === undefined || method === "GET" || method === "HEAD" ? {} : { body }) });
    const text = await response.text();
    const hundred = Math.floor(response.status / 100);
    answers.set(hundred, (answers.get(hundred) ?? 0) + 1);
    // 502, where the document has it: an environment that nobody can use, a store that is not there.
    if (response.status >= 500 && response.status !== 502) return `${response.status} for ${said}: ${text.slice(0, 300)}`;
    if (method === "HEAD" || !(response.headers.get("content-type") ?? "").includes("json")) return null;
    const fault = document.faultOf(method, path.replace(/\?.*/s, ""), response.status, JSON.parse(text));
    return fault === null ? null : `${fault}, for ${said}: ${text.slice(0, 300)}`;
  } catch (error) {
    return `${String(error)} (${String((error as Error).cause)}) for ${said}`;
  }
}

describe(`${count} requests made from the OpenAPI document, valid and broken (FUZZ_SEED=${seed})`, () => {
  it("are all answered as the document says, with no 500 and no hang", { timeout: 300_000 }, async () => {
    const limit = pLimit(16);
    const tokens = [server.acme.producer, server.acme.operator, server.other.producer, server.other.operator];
    const faults = await Promise.all(requests.map((request, n) => limit(() => faultOf(request, tokens[n % tokens.length] ?? ""))));
    expect(faults.filter((fault) => fault !== null).slice(0, 10)).toEqual([]);
  });

  it("were of every route, and were both taken and refused", () => {
    const routes = new Set(requests.map(({ method, path }) => document.routeOf(method, path.replace(/\?.*/s, ""))));
    expect(document.routes.filter((route) => !routes.has(route))).toEqual([]);
    for (const hundred of [2, 4]) expect(answers.get(hundred), `${hundred}xx`).toBeGreaterThan(count / 10);
  });

  it("would have been found out: an answer that the document does not describe is a fault", () => {
    expect(document.faultOf("GET", "/healthz", 200, { ok: true })).toBeNull();
    expect(document.faultOf("GET", "/healthz", 200, { ok: true, more: 1 })).toMatch(/additional properties/);
    expect(document.faultOf("GET", "/healthz", 204, {})).toMatch(/says nothing/);
    expect(document.faultOf("GET", "/v1/runs", 200, { items: [{}], next: null })).toMatch(/required/);
  });
});
