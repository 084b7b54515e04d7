import { desc, eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Problem } from "../../src/client/index.ts";
import { activityLog } from "../../src/db/schema.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { held } from "./run-states.ts";

let server: ApiServer;
let acme: string;
beforeAll(async () => {
  server = await startApi();
  await held(server, server.acme.id);
  const page = (await (await ask("GET", "/v1/companies")).json()) as { items: { id: string; name: string }[] };
  acme = page.items.find((company) => company.id === server.acme.id)?.name ?? "";
});
afterAll(() => server[Symbol.asyncDispose]());

const ask = (method: string, path: string, body?: unknown, token: string | null = server.acme.operator): Promise<Response> =>
  Promise.resolve(server.request(path, { method, token, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }));
const at = (name: string) => `/v1/companies/${encodeURIComponent(name)}`;

describe("companies and what each may have at once", () => {
  it("an operator sees all of the fleet's, with what they have", async () => {
    const page = (await (await ask("GET", "/v1/companies")).json()) as { items: { id: string }[] };
    expect(page.items.map((company) => company.id)).toEqual(expect.arrayContaining([server.acme.id, server.other.id]));
    expect(await (await ask("GET", at(acme))).json()).toMatchObject({ id: server.acme.id, maxLeases: null, usedLeases: 1, waitingLeases: 0 });
  });

  it("an operator bounds a company and takes the bound back; the company is told", async () => {
    expect(await (await ask("PATCH", at(acme), { maxLeases: 5 })).json()).toMatchObject({ name: acme, maxLeases: 5, usedLeases: 1 });
    const [noted] = await server.db.select().from(activityLog).where(eq(activityLog.companyId, server.acme.id)).orderBy(desc(activityLog.id)).limit(1);
    expect(noted).toMatchObject({ action: "company.limit_changed", entityId: server.acme.id, details: { maxLeases: 5 } });
    expect(await (await ask("PATCH", at(acme), { maxLeases: null })).json()).toMatchObject({ maxLeases: null });
  });

  it.each([
    ["GET", "/v1/companies"],
    ["GET", "/v1/companies/x"],
    ["PATCH", "/v1/companies/x"],
  ])("I12: %s %s is not for producers, and nothing without a token", async (method, path) => {
    const body = method === "PATCH" ? { maxLeases: 1 } : undefined;
    const refused = await ask(method, path, body, server.acme.producer);
    expect([refused.status, ((await refused.json()) as Problem).code]).toEqual([403, "operator_required"]);
    expect((await ask(method, path, body, null)).status).toBe(401);
  });

  it.each([{}, { maxLeases: 0 }, { maxLeases: 1.5 }, { maxLeases: "5" }, { maxLeases: 5, name: "x" }])("is not bounded by %j", async (body) => {
    expect(await (await ask("PATCH", at(acme), body)).json()).toMatchObject({ status: 422, code: "company_invalid" });
    expect(await (await ask("GET", at(acme))).json()).toMatchObject({ maxLeases: null });
  });

  it("one that is not there is 404", async () => {
    expect(await (await ask("PATCH", at("nobody"), { maxLeases: 1 })).json()).toMatchObject({ status: 404, code: "company_not_found" });
  });
});

describe("priority", () => {
  it("is kept with a run and with an ad-hoc lease, and is 0 where none is said", async () => {
    const client = server.client();
    expect((await client.runs.create({ command: ["true"], priority: -3 })).priority).toBe(-3);
    expect((await client.runs.create({ command: ["true"] })).priority).toBe(0);
    expect((await client.leases.create({ priority: 7 })).priority).toBe(7);
  });

  it("0 is the same request as none at all", async () => {
    const client = server.client();
    const first = await client.runs.create({ command: ["true"] }, { idempotencyKey: "same" });
    expect((await client.runs.create({ command: ["true"], priority: 0 }, { idempotencyKey: "same" })).id).toBe(first.id);
  });

  it.each([11, -11, 0.5, "1"])("%j is refused", async (priority) => {
    const problem = (await (await ask("POST", "/v1/runs", { command: ["true"], priority })).json()) as Problem;
    expect(problem).toMatchObject({ status: 422, errors: [{ field: "request.priority" }] });
  });
});
