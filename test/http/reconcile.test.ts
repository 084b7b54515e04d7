import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newId } from "../../src/domain/ids.ts";
import { leasehold } from "../cli/cli.ts";
import { type ApiServer, startApi } from "./api-server.ts";

let server: ApiServer;
let env: Record<string, string>;
const key = newId();
const host = newId();
beforeAll(async () => {
  server = await startApi();
  env = { LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: server.acme.operator };
  await server.db.execute(sql`insert into hosts (id, name, backends, witness) values (${host}, 'worker-3', '{local}', ${newId()})`);
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  await server.db.execute(sql`delete from reconcile_endpoints`);
  await server.db.execute(sql`update installation set held_since = null, held_why = null`);
});

async function listed(): Promise<void> {
  await server.db.execute(sql`insert into reconcile_endpoints (endpoint, backend, host, due_at, listed_at, listed, orphans, vanished, duplicates, deferred, failure)
    values ('local:1', 'local', ${host}, now() + interval '1 hour', now(), 7, 1, 2, 3, 4, null)`);
  await server.db.execute(sql`insert into reconcile_findings (endpoint, resource_key, kind, first_seen_at) values ('local:1', ${key}, 'orphan', now() - interval '90 seconds'), ('local:1', ${newId()}, 'unknown_company', now())`);
}
const hold = () => server.db.execute(sql`update installation set held_since = now(), held_why = 'it is a copy'`);
const asOperator = { token: "" };
beforeEach(() => {
  asOperator.token = server.acme.operator;
});

describe("I12: reconcile", () => {
  it.each([["GET", ""], ["POST", "/run"], ["POST", "/confirm"]])("%s /v1/reconcile%s is for operators", async (method, path) => {
    for (const [token, status] of [[null, 401], [server.acme.producer, 403], [server.other.producer, 403]] as const) {
      const response = await server.request(`/v1/reconcile${path}`, { method, token });
      expect(response.status).toBe(status);
    }
    expect(await (await server.request(`/v1/reconcile${path}`, { method, token: server.acme.producer })).json()).toMatchObject({ code: "operator_required" });
  });

  it("tells what was found where, and when it is done about", async () => {
    await listed();
    const report = await (await server.request("/v1/reconcile", asOperator)).json();
    expect(report).toMatchObject({
      held: null,
      endpoints: [
        {
          endpoint: "local:1",
          backend: "local",
          host,
          hostName: "worker-3",
          listed: 7,
          orphans: 1,
          vanished: 2,
          duplicates: 3,
          deferred: 4,
          failure: null,
          counts: { orphan: 1, duplicate: 0, unknown_company: 1, forgotten: 0 },
          findings: [
            { key, kind: "orphan", ripe: true, providerLeaseId: null },
            { kind: "unknown_company", ripe: false },
          ],
        },
      ],
    });
    // Exactly what is documented: no claims.
    expect(JSON.stringify(report)).not.toMatch(/claim/);
  });

  it("has every place due", async () => {
    await listed();
    await server.request("/v1/reconcile/run", { ...asOperator, method: "POST" });
    expect([...(await server.db.execute(sql`select due_at <= clock_timestamp() as due from reconcile_endpoints`))]).toEqual([{ due: true }]);
  });

  it("I14: goes on after a confirmation, and only where it was held", async () => {
    await hold();
    const witness = async () => [...(await server.db.execute(sql`select witness from hosts`))];
    const before = await witness();
    expect(await (await server.request("/v1/reconcile", asOperator)).json()).toMatchObject({ held: { why: "it is a copy" } });
    expect(await witness()).toEqual(before);
    expect(await (await server.request("/v1/reconcile/confirm", { ...asOperator, method: "POST" })).json()).toMatchObject({ held: null, database: expect.stringMatching(/\/\d+$/) });
    expect(await witness()).toEqual([{ witness: "00000000-0000-0000-0000-000000000000" }]);
    const again = await server.request("/v1/reconcile/confirm", { ...asOperator, method: "POST" });
    expect([again.status, await again.json()]).toEqual([409, expect.objectContaining({ code: "reconcile_not_held" })]);
  });
});

describe("leasehold reconcile", () => {
  it("shows places and findings", async () => {
    expect(await leasehold(["reconcile", "show"], env)).toEqual({ code: 0, stdout: "No worker has named a place to compare yet.\n", stderr: "" });
    await listed();
    const { code, stdout } = await leasehold(["reconcile", "show"], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/local:1 +worker-3 +(now|\S+ ago) +7 +1 +3 +2 +4/);
    expect(stdout).toMatch(new RegExp(`orphan +${key} +1m( \\d+s)? ago +given back +local:1`));
    expect(stdout).toMatch(/unknown_company .* left alone/);
    expect(JSON.parse((await leasehold(["reconcile", "show", "--json"], env)).stdout)).toMatchObject({ endpoints: [{ endpoint: "local:1" }] });
    expect((await leasehold(["reconcile", "run"], env)).stdout).toMatch(/1 place is compared/);
  });

  it("confirms with --yes only, and says before what that does", async () => {
    expect((await leasehold(["reconcile", "confirm"], env)).stdout).toMatch(/nothing to confirm/);
    await listed();
    await hold();
    const asked = await leasehold(["reconcile", "confirm"], env);
    expect(asked.code).toBe(64);
    expect(asked.stdout).toMatch(/Held back +since .*\nWhy +it is a copy/);
    expect(asked.stderr).toMatch(/give back 1 resources.*--yes/s);
    expect((await leasehold(["reconcile", "show"], env)).stdout).toMatch(/Held back/);
    const done = await leasehold(["reconcile", "confirm", "--yes"], env);
    expect([done.code, done.stdout.includes("Held back")]).toEqual([0, false]);
    const { code, stderr } = await leasehold(["reconcile", "show"], { ...env, LEASEHOLD_TOKEN: server.acme.producer });
    expect([code, stderr]).toEqual([77, expect.stringContaining("operator")]);
  });
});
