import { desc, eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Problem } from "../../src/client/index.ts";
import { type Environment, insertEnvironment } from "../../src/db/environments.ts";
import { activityLog, environments } from "../../src/db/schema.ts";
import { runRequest } from "../../src/domain/request.ts";
import { chooseEnvironment } from "../../src/runs/choose-environment.ts";
import { type ApiServer, startApi } from "./api-server.ts";

let server: ApiServer;
let one: Environment;
let two: Environment;
const make = (companyId: string, name: string): Promise<Environment> =>
  insertEnvironment(server.db, companyId, { name, description: null, driver: "ssh", backend: "ssh", config: {}, envVars: {}, maxLeases: null, metadata: {} });
beforeAll(async () => {
  server = await startApi();
  one = await make(server.acme.id, "one");
  two = await make(server.acme.id, "two");
  await make(server.other.id, "theirs");
});
afterAll(() => server[Symbol.asyncDispose]());

const put = (environment: unknown) => server.request("/v1/default-environment", { method: "PUT", body: JSON.stringify({ environment }) });
const current = async () => (await server.client().environments.getDefault())?.name ?? null;
const choice = async () => {
  const { environment, reason } = await chooseEnvironment(server.db, server.acme.id, runRequest.parse({ command: ["true"] }));
  return [environment.name, reason];
};

describe("the environment of runs that name none", () => {
  it("is the local one until another is chosen, by name or id, and after it is taken back", async () => {
    expect(await current()).toBeNull();
    expect(await choice()).toEqual(["Local", "local"]);
    expect(await (await put("one")).json()).toMatchObject({ environment: { id: one.id, isDefault: true } });
    expect([await current(), await choice()]).toEqual(["one", ["one", "company_default"]]);
    expect((await server.client().environments.setDefault(two.id))?.name).toBe("two");
    expect(await choice()).toEqual(["two", "company_default"]);
    expect(await (await put(null)).json()).toEqual({ environment: null });
    expect([await current(), await choice()]).toEqual([null, ["Local", "local"]]);
  });

  it("is marked wherever environments are shown, and noted for the company", async () => {
    await put("two");
    const marked: string[] = [];
    for await (const e of server.client().environments.list()) if (e.isDefault) marked.push(e.name);
    expect(marked).toEqual(["two"]);
    expect([(await server.client().environments.get("one")).isDefault, (await server.client().environments.get("two")).isDefault]).toEqual([false, true]);
    const [noted] = await server.db.select().from(activityLog).where(eq(activityLog.companyId, server.acme.id)).orderBy(desc(activityLog.id)).limit(1);
    expect(noted).toMatchObject({ action: "environment.default_changed", entityType: "company", entityId: server.acme.id, details: { environmentId: two.id, name: "two" } });
  });

  it("is not one that is archived, not there, or another company's, and a refusal changes nothing", async () => {
    await put("two");
    await server.db.update(environments).set({ status: "archived" }).where(eq(environments.id, one.id));
    expect(await (await put("one")).json()).toMatchObject({ status: 422, code: "environment_inactive" });
    for (const name of ["nothing", "theirs"]) expect(await (await put(name)).json()).toMatchObject({ status: 404, code: "environment_not_found" });
    expect(await current()).toBe("two");
  });

  it.each([
    [{}, "default.environment"],
    [{ environment: 5 }, "default.environment"],
    [{ environment: null, name: "one" }, "default.name"],
  ])("is not chosen by %j", async (body, field) => {
    const problem = (await (await server.request("/v1/default-environment", { method: "PUT", body: JSON.stringify(body) })).json()) as Problem;
    expect(problem).toMatchObject({ status: 422, code: "default_invalid", errors: [{ field }] });
  });
});
