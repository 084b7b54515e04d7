import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Environment, Page, Problem } from "../../src/client/index.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { activityLog, environments } from "../../src/db/schema.ts";
import { backendFor } from "../../src/http/environment-request.ts";
import { type ApiServer, startApi } from "./api-server.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

const create = (body: unknown) => server.request("/v1/environments", { method: "POST", body: JSON.stringify(body) });

describe("POST /v1/environments", () => {
  it("makes an environment, tells nobody its secrets, and notes it for the company", async () => {
    const response = await create({ name: "My machine", driver: "local", envVars: { TOKEN: "hunter2" }, maxLeases: 2, metadata: { team: "a" } });
    const text = await response.text();
    const made = JSON.parse(text) as Environment;
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/v1/environments/${made.id}`);
    expect(made).toMatchObject({ name: "My machine", backend: "local", status: "active", envNames: ["TOKEN"], maxLeases: 2, metadata: { team: "a" } });
    expect(text).not.toContain("hunter2");
    const noted = await server.db.select().from(activityLog);
    expect(noted).toMatchObject([{ companyId: server.acme.id, action: "environment.created", entityId: made.id, details: { name: "My machine" } }]);
    for (const key of [made.id, "My machine"]) {
      expect(await (await server.request(`/v1/environments/${encodeURIComponent(key)}`)).json()).toEqual(made);
    }
  });

  it.each([
    [{ name: "", driver: "local" }, 422, "environment_invalid", ["environment.name"]],
    [{ name: " x", driver: "local" }, 422, "environment_invalid", ["environment.name"]],
    [{ name: "a\u0007", driver: "local" }, 422, "environment_invalid", ["environment.name"]],
    [{ name: "x".repeat(101), driver: "local" }, 422, "environment_invalid", ["environment.name"]],
    [{ name: "x", driver: "moon" }, 422, "environment_invalid", ["environment.driver"]],
    [{ name: "x", driver: "local", maxLeases: 0 }, 422, "environment_invalid", ["environment.maxLeases"]],
    [{ name: "x", driver: "local", colour: "red" }, 422, "environment_invalid", ["environment.colour"]],
    [{ name: "x", driver: "local", config: { root: "/" } }, 422, "config_invalid", ["config.root"]],
    [{ name: "x", driver: "local", envVars: { LEASEHOLD_X: "1" } }, 422, "environment_invalid", ["environment.envVars.LEASEHOLD_X"]],
  ])("refuses %j", async (body, status, code, fields) => {
    const problem = (await (await create(body)).json()) as Problem;
    expect(problem).toMatchObject({ status, code });
    expect(problem.errors?.map((e) => e.field)).toEqual(fields);
  });

  it.each([
    [{ driver: "ssh", config: {} }, "ssh"],
    [{ driver: "sandbox", config: { provider: "bubblewrap" } }, "sandbox-bubblewrap"],
    [{ driver: "plugin", config: { key: "acme" } }, "plugin-acme"],
    [{ driver: "sandbox", config: {} }, "sandbox-(none named)"],
  ] as const)("says which backends there are instead of the one of %j", async (kind, backend) => {
    expect(backendFor({ ...kind, config: { ...kind.config } })).toBe(backend);
    expect(await (await create({ name: "x", ...kind })).json()).toMatchObject({ code: "unsupported_environment", detail: `there is no driver for ${backend}; this version has local` });
  });

  it("has one local environment per company", async () => {
    expect(await (await create({ name: "Second", driver: "local" })).json()).toMatchObject({ status: 409, code: "environment_local_exists" });
  });
});

describe("GET /v1/environments", () => {
  it("gives every environment once, page by page, by name", async () => {
    const names = ["b", "é", "a/b", "zz", "Zz"];
    for (const name of names) {
      await insertEnvironment(server.db, server.other.id, { name, description: null, driver: "ssh", backend: "ssh", config: {}, envVars: {}, maxLeases: null, metadata: {} });
    }
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Page<Environment> = (await (await server.request(`/v1/environments?limit=2&cursor=${cursor}`, { token: server.other.producer })).json()) as Page<Environment>;
      seen.push(...page.items.map((e) => e.name));
      cursor = page.next;
    }
    expect([...seen].sort()).toEqual([...names].sort());
  });

  it("gives those of a driver and a status, page by page too", async () => {
    const listed = async (query: string): Promise<Page<Environment>> => (await (await server.request(`/v1/environments?${query}`, { token: server.other.producer })).json()) as Page<Environment>;
    const names = async (query: string) => (await listed(query)).items.map((e) => e.name).sort();
    await server.db.update(environments).set({ status: "archived" }).where(eq(environments.name, "zz"));
    const local = await insertEnvironment(server.db, server.other.id, { name: "here", description: null, driver: "local", backend: "local", config: {}, envVars: {}, maxLeases: null, metadata: {} });
    expect(await names("driver=local")).toEqual([local.name]);
    expect(await names("driver=sandbox")).toEqual([]);
    expect(await names("status=archived")).toEqual(["zz"]);
    expect(await names("driver=local&status=archived")).toEqual([]);
    expect(await names("driver=ssh&status=active")).toEqual(["Zz", "a/b", "b", "é"].sort());
    const { items, next } = await listed("driver=ssh&limit=4");
    expect([...items, ...(await listed(`driver=ssh&limit=4&cursor=${next}`)).items].map((e) => e.driver)).toEqual(Array.from({ length: 5 }, () => "ssh"));
  });

  it.each(["driver=moon", "status=happy"])("refuses ?%s by name", async (query) => {
    const problem = (await (await server.request(`/v1/environments?${query}`)).json()) as Problem;
    expect(problem).toMatchObject({ status: 422, code: "query_invalid", errors: [{ field: `query.${query.split("=")[0]}` }] });
  });

  it.each(["nothing", "%00", "0190a0a0-0000-7000-8000-000000000000"])("knows no environment %s", async (name) => {
    const response = await server.request(`/v1/environments/${name}`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "environment_not_found" });
  });
});
