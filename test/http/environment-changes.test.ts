import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Activity, Environment, Page, Problem, Run } from "../../src/client/index.ts";
import { deleteEnvironment } from "../../src/db/environment-changes.ts";
import { ensureLocalEnvironment, insertEnvironment, type Environment as Row } from "../../src/db/environments.ts";
import { findLease } from "../../src/db/leases.ts";
import { findSituation } from "../../src/db/runs.ts";
import { environments } from "../../src/db/schema.ts";
import { requestLease } from "../../src/leases/request.ts";
import { quietLog } from "../support/quiet-log.ts";
import { advanceRun } from "../../src/runs/advance.ts";
import { eq } from "drizzle-orm";
import { insertLeaseIn } from "../support/lease-rows.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { accepted, acquiring } from "./run-states.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

let made = 0;
/** An environment that no worker serves; of a driver that may be there several times. */
const environment = (values: Partial<Row> = {}): Promise<Row> =>
  insertEnvironment(server.db, server.acme.id, { name: `e${made++}`, description: "d", driver: "ssh", backend: "ssh", config: {}, envVars: { KEEP: "1", GO: "2" }, maxLeases: 2, metadata: { a: 1, deep: { b: 2, c: 3 } }, ...values });
const ask = async <T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> => {
  const response = await server.request(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: response.status, body: (await response.json()) as T };
};
const at = (row: Pick<Row, "id">) => `/v1/environments/${row.id}`;
const rowOf = async (row: Row): Promise<Row | undefined> => (await server.db.select().from(environments).where(eq(environments.id, row.id)))[0];
const activity = async (entity: string): Promise<Activity[]> => (await ask<Page<Activity>>("GET", `/v1/activity?entity=${entity}`)).body.items as Activity[];
const fleet = () => ({ db: server.db, bells: server.bells, log: quietLog, who: "test worker" });

describe("PATCH /v1/environments/:id", () => {
  it("changes what is given, merges what is named, unsets what is null, and says so to the company", async () => {
    const row = await environment();
    const change = { name: "renamed", description: null, maxLeases: null, envVars: { GO: null, NEW: "secret value" }, metadata: { a: null, deep: { b: null } } };
    const { status, body } = await ask<Environment>("PATCH", at(row), change);
    expect([status, body]).toMatchObject([200, { name: "renamed", description: null, maxLeases: null, envNames: expect.arrayContaining(["KEEP", "NEW"]) as unknown, metadata: { deep: { c: 3 } } }]);
    expect((await rowOf(row))?.envVars).toEqual({ KEEP: "1", NEW: "secret value" });
    const [noted, ...others] = await activity(row.id);
    expect(noted).toMatchObject({ action: "environment.updated", details: { before: row.name, changed: ["name", "description", "envVars", "maxLeases", "metadata"] } });
    expect(others).toEqual([]);
    expect(JSON.stringify(noted)).not.toContain("secret value");
  });

  it("does nothing, and notes nothing, where it is so already", async () => {
    const row = await environment();
    const { body } = await ask<Environment>("PATCH", at(row), { name: row.name, maxLeases: 2, envVars: { NOT_THERE: null } });
    expect(body.updatedAt).toBe(row.updatedAt.toISOString());
    expect(await activity(row.id)).toEqual([]);
  });

  it("keeps every change of many at once", async () => {
    const row = await environment({ metadata: {} });
    const keys = Array.from({ length: 8 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => ask("PATCH", at(row), { metadata: { [key]: 1 } })));
    expect(Object.keys((await rowOf(row))?.metadata ?? {}).sort()).toEqual(keys);
  });

  it.each([
    [{ driver: "local" }, "environment.driver"],
    [{ name: "" }, "environment.name"],
    [{ name: null }, "environment.name"],
    [{ maxLeases: 0 }, "environment.maxLeases"],
    [{ envVars: { "1X": "a" } }, "environment.envVars.1X"],
    [{ envVars: { LEASEHOLD_X: "a" } }, "environment.envVars.LEASEHOLD_X"],
    [{ envVars: { X: 1 } }, "environment.envVars.X"],
    [{ metadata: { ["x".repeat(201)]: 1 } }, `environment.metadata.${"x".repeat(201)}`],
  ])("refuses %j and names the field", async (change, field) => {
    const { status, body } = await ask<Problem>("PATCH", at(await environment()), change);
    expect([status, body.code, body.errors?.map((e) => e.field)]).toEqual([422, "environment_invalid", [field]]);
  });

  it("has the driver's own schema check the config, and does not lead to another provider", async () => {
    const local = await ensureLocalEnvironment(server.db, server.acme.id);
    expect((await ask<Problem>("PATCH", at(local), { config: { root: "/" } })).body).toMatchObject({ status: 422, code: "config_invalid", errors: [{ field: "config.root" }] });
    expect((await ask<Environment>("PATCH", at(local), { maxLeases: 8 })).body).toMatchObject({ name: "Local", maxLeases: 8 });
    const box = await environment({ driver: "sandbox", backend: "sandbox-fake", config: { provider: "fake" } });
    expect((await ask<Problem>("PATCH", at(box), { config: { provider: "bubblewrap" } })).body).toMatchObject({ code: "environment_invalid", errors: [{ field: "environment.config" }] });
  });

  it("does not take another one's name", async () => {
    const [a, b] = [await environment(), await environment()];
    expect((await ask<Problem>("PATCH", at(a), { name: b.name })).body).toMatchObject({ status: 409, code: "environment_name_taken" });
  });
});

describe("archive", () => {
  it("lets what is open go on, ends what waits for its first claim, and says how many are open", async () => {
    const row = await environment();
    const open = await insertLeaseIn(server.db, server.acme.id, { state: "active", patch: { environmentId: row.id, backend: "ssh" } });
    const waits = await acquiring(server, server.acme.id, { environment: row });
    expect((await ask("POST", `${at(row)}/archive`)).body).toMatchObject({ status: "archived", openLeases: 1 });
    expect((await findLease(server.db, open.id))?.state).toBe("active");
    expect(await findLease(server.db, waits.lease.id)).toMatchObject({ state: "failed", failureReason: "environment_inactive" });
    for (let i = 0; i < 3; i++) await advanceRun(fleet(), waits.run.id);
    expect((await ask<Run>("GET", `/v1/runs/${waits.run.id}`)).body).toMatchObject({ phase: "ended", outcome: { kind: "not_started", reason: "environment_inactive" } });
    expect((await ask("POST", `${at(row)}/archive`)).body).toMatchObject({ status: "archived", openLeases: 1 });
    expect((await ask("POST", `${at(row)}/unarchive`)).body).toMatchObject({ status: "active", openLeases: 1 });
    expect((await activity(row.id)).map((one) => one.action)).toEqual(["environment.unarchived", "environment.archived"]);
  });

  it("ends a run that was accepted before and names it, and refuses new leases", async () => {
    const row = await environment();
    const run = await accepted(server, server.acme.id, { command: ["true"], environment: { agent: row.id } });
    await ask("POST", `${at(row)}/archive`);
    await advanceRun(fleet(), run.id);
    expect((await findSituation(server.db, run.id))?.run).toMatchObject({ phase: "ended", outcome: { kind: "not_started", reason: "environment_inactive" } });
    expect((await ask<Problem>("POST", "/v1/leases", { environment: row.name })).body).toMatchObject({ status: 422, code: "environment_inactive" });
  });
});

describe("DELETE /v1/environments/:id", () => {
  it("takes one that nothing uses; what ended there outlives it", async () => {
    const row = await environment();
    const ended = await insertLeaseIn(server.db, server.acme.id, { state: "released", patch: { environmentId: row.id } });
    expect(await ask("DELETE", at(row))).toMatchObject({ status: 200, body: { id: row.id, name: row.name } });
    expect((await ask("GET", at(row))).status).toBe(404);
    expect(await findLease(server.db, ended.id)).toMatchObject({ state: "released", environmentId: null });
    expect((await activity(row.id))[0]).toMatchObject({ action: "environment.deleted", details: { name: row.name } });
    expect((await ask<Problem>("DELETE", at(row))).body.code).toBe("environment_not_found");
  });

  it.each(["requested", "acquiring", "active", "releasing", "retained", "stuck"] as const)("is refused for a lease that is %s, and says which", async (state) => {
    const row = await environment();
    const lease = await insertLeaseIn(server.db, server.acme.id, { state, patch: { environmentId: row.id } });
    expect(await ask("DELETE", at(row))).toMatchObject({ status: 409, body: { code: "environment_in_use", errors: [{ field: "lease", message: `${lease.id} is ${state}` }] } });
    expect(await rowOf(row)).toBeDefined();
  });

  it("is refused for a run that waits to be decided about, by the level that counts, and for the company's default", async () => {
    const [row, shadowed] = [await environment(), await environment()];
    const run = await accepted(server, server.acme.id, { command: ["true"], environment: { issue: row.id, agent: shadowed.id } });
    await ask("PUT", "/v1/default-environment", { environment: row.id });
    expect((await ask<Problem>("DELETE", at(row))).body.errors).toMatchObject([{ field: "run", message: `${run.id} waits for it` }, { field: "default" }]);
    await ask("PUT", "/v1/default-environment", { environment: null });
    expect((await ask<Problem>("DELETE", at(row))).body.errors).toMatchObject([{ field: "run" }]);
    expect((await ask("DELETE", at(shadowed))).status).toBe(200);
    await advanceRun(fleet(), run.id);
    expect((await findSituation(server.db, run.id))?.lease).toMatchObject({ environmentId: row.id });
  });

  it("Local is made on demand again", async () => {
    const local = await ensureLocalEnvironment(server.db, server.other.id);
    await deleteEnvironment(server.db, server.other.id, local.id);
    const again = await ensureLocalEnvironment(server.db, server.other.id);
    expect([again.name, again.id === local.id]).toEqual(["Local", false]);
  });
});

describe("I3: a lease that is asked for at the same moment", () => {
  /** Does something in a transaction that stays open, and gives a function that commits it. */
  async function begun(work: (tx: ApiServer["db"]) => Promise<unknown>): Promise<() => Promise<void>> {
    let finish = (): void => {};
    const held = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let over: Promise<unknown> = Promise.resolve();
    await new Promise<void>((ready, failed) => {
      over = server.db.transaction(async (tx) => {
        await work(tx);
        ready();
        await held;
      });
      over.catch(failed);
    });
    return async () => {
      finish();
      await over;
    };
  }
  /** Settles when somebody waits for a lock. */
  async function someoneWaits(): Promise<void> {
    for (;;) {
      const [row] = await server.db.execute<{ n: number }>("select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'");
      if (Number(row?.n) > 0) return;
    }
  }

  it("and comes first, keeps the environment", async () => {
    const row = await environment();
    const run = await accepted(server, server.acme.id);
    const commit = await begun((tx) => requestLease(tx, run, row, "test"));
    const deleting = ask<Problem>("DELETE", at(row));
    await someoneWaits();
    await commit();
    expect((await deleting).body).toMatchObject({ status: 409, code: "environment_in_use" });
  });

  it.each(["deleted", "archived"] as const)("and comes second, is not made in one that was %s", async (what) => {
    const row = await environment();
    const run = await accepted(server, server.acme.id, { command: ["true"], environment: { agent: row.id } });
    const commit = await begun(async (tx) => {
      await tx.select().from(environments).where(eq(environments.id, row.id)).for("update");
      if (what === "deleted") await tx.delete(environments).where(eq(environments.id, row.id));
      else await tx.update(environments).set({ status: "archived" }).where(eq(environments.id, row.id));
    });
    const deciding = advanceRun(fleet(), run.id);
    const asking = ask<Problem>("POST", "/v1/leases", { environment: row.id });
    await someoneWaits();
    await commit();
    await deciding;
    expect((await findSituation(server.db, run.id))?.run).toMatchObject({ phase: "ended", outcome: { kind: "not_started", reason: what === "deleted" ? "environment_not_found" : "environment_inactive" } });
    expect((await asking).body.code).toBe(what === "deleted" ? "environment_not_found" : "environment_inactive");
    expect(await server.db.execute("select 1 from environment_leases where environment_id is null and status = 'requested'")).toHaveLength(0);
  });

  it("and is to be the default, is the default of nothing", async () => {
    const row = await environment();
    const commit = await begun(async (tx) => {
      await tx.select().from(environments).where(eq(environments.id, row.id)).for("update");
      await tx.delete(environments).where(eq(environments.id, row.id));
    });
    const choosing = ask<Problem>("PUT", "/v1/default-environment", { environment: row.id });
    await someoneWaits();
    await commit();
    expect((await choosing).body).toMatchObject({ status: 404, code: "environment_not_found" });
  });
});
