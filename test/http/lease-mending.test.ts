import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Activity, Lease, Page, Problem } from "../../src/client/index.ts";
import { findExecution } from "../../src/db/executions.ts";
import { leaseStates } from "../../src/domain/lease.ts";
import { newClaim } from "../../src/domain/claim.ts";
import { claimExecution } from "../../src/db/executions.ts";
import { leases } from "../../src/db/schema.ts";
import { eq } from "drizzle-orm";
import { insertLeaseIn } from "../support/lease-rows.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { created, held, start } from "./run-states.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

const ask = async <T = Problem>(path: string, body?: unknown, token = server.acme.operator): Promise<{ status: number; body: T }> => {
  const response = await server.request(path, { method: "POST", token, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: response.status, body: (await response.json()) as T };
};
const stuck = () => insertLeaseIn(server.db, server.acme.id, { state: "stuck", patch: { failureReason: "host_lost" } });
const told = async (entity: string): Promise<readonly Activity[]> => ((await (await server.request(`/v1/activity?entity=${entity}`)).json()) as Page<Activity>).items;

describe("POST /v1/leases/:id/retry", () => {
  it("has a stuck lease released at once; asking again changes nothing", async () => {
    const lease = await stuck();
    const { body } = await ask<Lease>(`/v1/leases/${lease.id}/retry`);
    expect(body).toMatchObject({ state: "releasing", fence: lease.fence + 1 });
    expect(body.events.at(-1)).toMatchObject({ event: "retry", from: "stuck", who: expect.stringMatching(/^api test, token /) as unknown });
    expect((await ask<Lease>(`/v1/leases/${lease.id}/retry`)).body).toMatchObject({ state: "releasing", fence: lease.fence + 1 });
    expect((await told(lease.id)).map((one) => one.action)).toEqual(["environment.lease_retried"]);
  });

  it.each(leaseStates.filter((state) => ["requested", "acquiring", "active", "retained"].includes(state)))("is refused for one that is %s", async (state) => {
    const lease = await insertLeaseIn(server.db, server.acme.id, { state });
    expect((await ask(`/v1/leases/${lease.id}/retry`)).body).toMatchObject({ status: 409, code: "lease_not_stuck" });
  });
});

describe("POST /v1/leases/:id/forget", () => {
  it("gives a stuck lease up with the reason; asking again changes nothing", async () => {
    const lease = await stuck();
    const { body } = await ask<Lease>(`/v1/leases/${lease.id}/forget`, { reason: "  the disk is destroyed " });
    expect(body.state).toBe("released");
    expect(body.events.at(-1)).toMatchObject({ event: "forget", from: "stuck", to: "released", why: "the disk is destroyed" });
    expect((await ask<Lease>(`/v1/leases/${lease.id}/forget`, { reason: "again" })).body.events).toHaveLength(body.events.length);
    expect(await told(lease.id)).toMatchObject([{ action: "environment.lease_forgotten", details: { reason: "the disk is destroyed", resourceKey: lease.resourceKey } }]);
  });

  it.each(leaseStates.filter((state) => state !== "stuck"))("is refused for one that is %s", async (state) => {
    const lease = await insertLeaseIn(server.db, server.acme.id, { state });
    expect((await ask(`/v1/leases/${lease.id}/forget`, { reason: "x" })).body).toMatchObject({ status: 409, code: "lease_not_stuck" });
  });

  it.each([[{}], [{ reason: "" }], [{ reason: "   " }], [{ reason: "a\0b" }], [{ reason: "x".repeat(1001) }], [{ reason: "x", force: true }]])("needs a written reason: not %j", async (body) => {
    const lease = await stuck();
    expect((await ask(`/v1/leases/${lease.id}/forget`, body)).body).toMatchObject({ status: 422, code: "forget_invalid" });
  });

  it("I4, I8: ends its commands: what may have run is lost, what cannot have run was not started, and whoever had them has them no more", async () => {
    const lease = await held(server, server.acme.id);
    const [ran, waits] = [await created(server, lease), await created(server, lease)];
    const pen = await start(server, ran.id);
    await pen.print("stdout", "before");
    await claimExecution(server.db, waits.id, newClaim("somebody"));
    await server.db.update(leases).set({ state: "stuck", ending: "failed", endedAt: new Date(), dueAt: new Date() }).where(eq(leases.id, lease.id));
    await ask(`/v1/leases/${lease.id}/forget`, { reason: "its machine burnt down" });
    expect(await findExecution(server.db, ran.id)).toMatchObject({ state: "final", outcome: { kind: "lost" }, outputComplete: false, stdoutBytes: 6, claimToken: null });
    expect(await findExecution(server.db, waits.id)).toMatchObject({ state: "final", outcome: { kind: "lease_ended" }, outputComplete: true });
    await expect(pen.print("stdout", "after")).rejects.toMatchObject({ kind: "stale" });
    expect((await findExecution(server.db, ran.id))?.stdoutBytes).toBe(6);
  });
});

describe("GET /v1/leases finds", () => {
  it("those that are open, of a run, of an environment, and in a state", async () => {
    const found = async (query: string): Promise<string[]> => ((await (await server.request(`/v1/leases?limit=200&${query}`, { token: server.other.producer })).json()) as Page<Lease>).items.map(({ id }) => id);
    const all = await Promise.all(leaseStates.map((state) => insertLeaseIn(server.db, server.other.id, { state })));
    for (const lease of all) expect(await found(`state=${lease.state}`)).toEqual([lease.id]);
    const ended = ["released", "expired", "failed"];
    expect((await found("open=true")).toSorted()).toEqual(all.filter(({ state }) => !ended.includes(state)).map(({ id }) => id).toSorted());
    expect(await found("state=released&open=true")).toEqual([]);
    const adHoc = await server.client(server.other.producer).leases.create({});
    expect(await found("environment=Local")).toEqual([adHoc.id]);
    expect(await found("environment=Local&state=requested&open=true")).toEqual([adHoc.id]);
    expect(await found("run=0190a0a0-0000-7000-8000-000000000000")).toEqual([]);
  });

  it.each(["run=x", "open=maybe", "env=x"])("nothing by ?%s, and names the field", async (query) => {
    expect(await (await server.request(`/v1/leases?${query}`)).json()).toMatchObject({ status: 422, errors: [{ field: `query.${query.split("=")[0]}` }] });
  });
});
