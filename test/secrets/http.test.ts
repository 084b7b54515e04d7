import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { insertEnvironment } from "../../src/db/environments.ts";
import { secretFieldsIn } from "../../src/domain/secret-fields.ts";
import { fakeConfig } from "../../src/drivers/fake/config.ts";
import { createEnvironment, keepSecrets } from "../../src/secrets/keep-environment.ts";
import { parse } from "../../src/domain/parse.ts";
import { limits } from "../../src/domain/defaults.ts";
import { partsWith } from "./keys.ts";
import { newMasterKey } from "../../src/secrets/key-file.ts";
import { fakeEnvironment } from "../support/stack.ts";
import { type ApiServer, startApi } from "../http/api-server.ts";
import { executing } from "../http/run-states.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { workerSecrets } from "../../src/secrets/lease-secrets.ts";
import type { SecretParts } from "../../src/secrets/parts.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

const secrets = () => server.client().secrets;
const post = (path: string, body: unknown) => server.request(path, { method: "POST", body: JSON.stringify(body) });
const environment = (secretId: string, name: string) => server.client().environments.create({ name, driver: "local", envVars: { TOKEN: { type: "secret_ref", secretId } } });

describe("a secret through the API", () => {
  it("I11: goes in and never comes out", async () => {
    const made = await secrets().create({ name: "in-only", description: "for tests", value: "never-to-be-seen" });
    expect(made).toMatchObject({ name: "in-only", description: "for tests", status: "active", store: "sealed", version: 1, path: null, uses: [], openLeases: 0, versions: [{ version: 1 }] });
    const rotated = await secrets().rotate("in-only", "never-to-be-seen-either");
    expect(rotated).toMatchObject({ version: 2, versions: [{ version: 1 }, { version: 2 }] });
    for (const path of ["/v1/secrets", `/v1/secrets/${made.id}`, `/v1/secrets/${made.id}/accesses`, "/v1/secrets/in-only"]) expect(await (await server.request(path)).text()).not.toContain("never-to-be-seen");
    const rows = [...(await server.db.execute(sql`select t::text as text from activity_log t`))];
    expect(rows.map((row) => String(row["text"])).join("")).toMatch(/secret\.created[\s\S]*secret\.rotated/);
    expect(JSON.stringify(rows)).not.toContain("never-to-be-seen");
  });

  it("is listed by name, page by page", async () => {
    for (const name of ["list-b", "list-a", "list-c"]) await secrets().create({ name, value: "x" });
    const names: string[] = [];
    for await (const { name } of secrets().list({ pageSize: 2 })) names.push(name);
    expect(names.filter((name) => name.startsWith("list-"))).toEqual(["list-a", "list-b", "list-c"]);
    expect(names).toEqual(names.toSorted());
  });

  it.each([
    ["no value", { name: "a" }],
    ["a name with a space", { name: "a b", value: "canary-in-body" }],
    ["a value with NUL", { name: "a", value: "canary-in-body\0" }],
    ["a value of 1 MB", { name: "a", value: `canary-in-body${"x".repeat(1024 * 1024)}` }],
    ["a value that is no text", { name: "a", value: { canary: "canary-in-body" } }],
    ["a value and a store", { name: "a", value: "canary-in-body", store: "files", path: "acme/x" }],
    ["a path that leads out", { name: "a", store: "files", path: "acme/../other/x" }],
    ["an unknown key", { name: "a", value: "canary-in-body", purpose: "x" }],
  ])("I11: %s is refused, and what came is not repeated", async (_what, body) => {
    const response = await post("/v1/secrets", body);
    expect(response.status).toBe(422);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: "secret_invalid", errors: [expect.anything()] });
    expect(text).not.toContain("canary-in-body");
  });

  it("a value as large as it may be is taken, and one byte more says what is the matter", async () => {
    expect((await post("/v1/secrets", { name: "large", value: "x".repeat(limits.secretValue) })).status).toBe(201);
    expect(await (await post("/v1/secrets", { name: "larger", value: "x".repeat(limits.secretValue + 1) })).json()).toMatchObject({ detail: expect.stringContaining(`larger than ${limits.secretValue} bytes`) });
  });

  it("a name that is taken, or the company's no more, says so", async () => {
    await secrets().create({ name: "twice", value: "x" });
    await expect(secrets().create({ name: "twice", value: "y" })).rejects.toMatchObject({ status: 409, code: "secret_name_taken" });
    await secrets().remove("twice");
    expect((await secrets().create({ name: "twice", value: "y" })).version).toBe(1);
    // Another company's names are its own.
    expect((await server.client(server.other.producer).secrets.create({ name: "twice", value: "z" })).version).toBe(1);
  });

  it("is disabled for new uses, says how many leases go on, and is enabled again", async () => {
    const { id } = await secrets().create({ name: "switched", value: "x" });
    const { lease } = await executing(server, server.acme.id);
    await server.db.execute(sql`insert into secret_access_events (id, company_id, secret_id, version, lease_id, purpose, who) values (gen_random_uuid(), ${server.acme.id}, ${id}, 1, ${lease.id}, 'command', 'test')`);
    expect(await secrets().disable(id)).toMatchObject({ status: "disabled", openLeases: 1 });
    await expect(server.client().runs.create({ command: ["true"], env: { TOKEN: { type: "secret_ref", secretId: id } } })).rejects.toMatchObject({ status: 409, code: "secret_disabled", errors: [{ field: "request.env.TOKEN" }] });
    await expect(environment(id, "refers-disabled")).rejects.toMatchObject({ code: "secret_disabled", errors: [{ field: "environment.envVars.TOKEN" }] });
    expect(await secrets().enable(id)).toMatchObject({ status: "active" });
    expect((await server.client().runs.create({ command: ["true"], env: { TOKEN: { type: "secret_ref", secretId: id } } })).envNames).toEqual(["TOKEN"]);
    const accesses = [];
    for await (const access of secrets().accesses(id)) accesses.push(access);
    expect(accesses).toEqual([expect.objectContaining({ leaseId: lease.id, purpose: "command", version: 1, who: "test" })]);
  });

  it("is not deleted while environments refer to it, and by force all the same", async () => {
    const { id } = await secrets().create({ name: "used", value: "x" });
    const row = await insertEnvironment(server.db, server.acme.id, { ...fakeEnvironment({}), name: "Uses it" });
    await server.db.execute(sql`insert into secret_uses (environment_id, field, secret_id) values (${row.id}, 'envVars.TOKEN', ${id})`);
    expect((await secrets().get(id)).uses).toEqual([{ environmentId: row.id, environment: "Uses it", field: "envVars.TOKEN" }]);
    await expect(secrets().remove(id)).rejects.toMatchObject({ status: 409, code: "secret_in_use", detail: expect.stringContaining("Uses it (envVars.TOKEN)") });
    expect(await secrets().remove(id, { force: true })).toMatchObject({ status: "deleted" });
    await expect(secrets().get(id)).rejects.toMatchObject({ status: 404, code: "secret_not_found" });
    expect([...(await server.db.execute(sql`select count(*)::int as n from secret_versions where secret_id = ${id}`))]).toEqual([{ n: 0 }]);
  });

  it("I12: in a store outside is only what the operator grants the company", async () => {
    expect(await secrets().stores()).toEqual([{ name: "files", type: "file", paths: ["acme/*"] }]);
    expect(await secrets().create({ name: "outside", store: "files", path: "acme/token", key: "field" })).toMatchObject({ store: "files", path: "acme/token", key: "field", version: null, versions: [] });
    await expect(secrets().create({ name: "foreign", store: "files", path: "other/token" })).rejects.toMatchObject({ status: 404, code: "secret_path_not_found" });
    await expect(secrets().rotate("outside", "x")).rejects.toMatchObject({ status: 409, code: "secret_kept_outside" });
  });

  it("master keys are for operators, by id and number of values", async () => {
    await expect(secrets().masterKeys()).rejects.toMatchObject({ status: 403 });
    const operators = server.client(server.acme.operator).secrets;
    const [key] = await operators.masterKeys();
    expect(key).toMatchObject({ newest: true, values: expect.any(Number) });
    await expect(operators.forgetMasterKey(key?.id ?? "")).rejects.toMatchObject({ status: 409, code: "master_key_in_use" });
    await expect(operators.forgetMasterKey("nothing")).rejects.toMatchObject({ status: 404, code: "master_key_not_found" });
  });
});

describe("values that are pasted into an environment's config", () => {
  let directory: string;
  let parts: SecretParts;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "leasehold-test-"));
    // Of the same database as the API, so with the same key.
    parts = await partsWith(server.db, directory, newMasterKey());
    await server.db.execute(sql`truncate secret_keys cascade`);
  });
  afterAll(() => rm(directory, { recursive: true }));

  const reveal = async (secretId: string): Promise<string> => {
    using held = workerSecrets(parts, "test").ofProbe(server.acme.id);
    return held.reveal({ type: "secret_ref", secretId, version: "latest" }, "probe");
  };
  const checked = (config: unknown) => {
    const value = parse(fakeConfig, config, "config");
    return { config: value as Record<string, unknown>, fields: secretFieldsIn(fakeConfig, value) };
  };
  const pasted = { provider: "fake", apiToken: "pasted-at-the-top", accounts: [{ name: "a", tokens: { "read only": "pasted-deep", write: "pasted-deeper" } }, { name: "b", tokens: {} }] };

  it("I11: become secrets of their own, at any depth, and only references are stored", async () => {
    const { config, fields } = checked(pasted);
    expect(fields.map(({ path }) => path.join("."))).toEqual(["apiToken", "accounts.0.tokens.read only", "accounts.0.tokens.write"]);
    const made = await createEnvironment(parts, server.acme.id, { ...fakeEnvironment({}), config }, fields);
    expect(JSON.stringify(made)).not.toContain("pasted");
    const stored = made.config as { apiToken: { secretId: string }; accounts: { tokens: Record<string, { secretId: string }> }[] };
    expect(await reveal(stored.apiToken.secretId)).toBe("pasted-at-the-top");
    expect(await reveal(stored.accounts[0]?.tokens["read only"]?.secretId ?? "")).toBe("pasted-deep");
    // The driver takes what is stored.
    expect(checked(made.config).fields.length).toBe(3);
    const named = [...(await server.db.execute(sql`select name, field from secrets where environment_id = ${made.id} order by field desc`))];
    expect(named.map((row) => row["name"])).toContain(`environment-${made.id}-config.apiToken`);
    expect(named.map((row) => row["field"])).toEqual(["config.apiToken", "config.accounts.0.tokens.write", "config.accounts.0.tokens.read only"]);
  });

  it("become a new version of the same secret when they are pasted again, and references stay what they are", async () => {
    const first = checked(pasted);
    const made = await createEnvironment(parts, server.acme.id, { ...fakeEnvironment({}), config: first.config }, first.fields);
    const again = checked({ ...(made.config as object), apiToken: "pasted-anew" });
    const config = await parts.db.transaction((tx) => keepSecrets(tx, parts, made, { ...again, envVars: {} }, async (kept) => kept));
    expect(config).toEqual(made.config);
    const { apiToken } = config as { apiToken: { secretId: string } };
    expect(await reveal(apiToken.secretId)).toBe("pasted-anew");
    expect([...(await server.db.execute(sql`select version from secrets where environment_id = ${made.id} order by field desc`))].map((row) => row["version"])).toEqual([2, 1, 1]);
  });

  it("leave nothing behind when the environment cannot be made", async () => {
    const { config, fields } = checked(pasted);
    const count = async () => [...(await server.db.execute(sql`select (select count(*) from secrets)::int as s, (select count(*) from secret_versions)::int as v`))];
    const before = await count();
    const taken = fakeEnvironment({});
    await insertEnvironment(server.db, server.acme.id, taken);
    await expect(createEnvironment(parts, server.acme.id, { ...taken, config }, fields)).rejects.toMatchObject({ code: "environment_name_taken" });
    expect(await count()).toEqual(before);
  });

  it("are refused where there is no master key, and the error has none of them", async () => {
    const { secretParts } = await import("../support/secrets.ts");
    const { config, fields } = checked(pasted);
    const error = await createEnvironment(secretParts(server.db), server.acme.id, { ...fakeEnvironment({}), config }, fields).then(() => null, (e: unknown) => e as Error);
    expect(error).toMatchObject({ code: "master_key_unconfigured" });
    expect(error?.message).not.toContain("pasted");
  });
});
