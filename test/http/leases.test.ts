import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Lease, LeaseSummary, Page, Problem } from "../../src/client/index.ts";
import { findSituation } from "../../src/db/runs.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { acquiring, executing } from "./run-states.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

const release = async (id: string): Promise<Lease> => (await (await server.request(`/v1/leases/${id}/release`, { method: "POST" })).json()) as Lease;
const eventsOf = (lease: Lease) => lease.events.map((e) => e.event);

describe("POST /v1/leases/:id/release", () => {
  it("ends an active lease once, and wakes the run that needs it", async () => {
    const { lease, runId } = await executing(server, server.acme.id);
    const before = await findSituation(server.db, runId);
    const first = await release(lease.id);
    expect(first).toMatchObject({ state: "releasing", ending: "released", fence: lease.fence + 1 });
    expect(first.events.at(-1)).toMatchObject({ event: "release", from: "active", to: "releasing", who: "api test" });
    const after = await findSituation(server.db, runId);
    expect(after?.run.version).toBeGreaterThan(before?.run.version ?? 0);
    expect(after?.run.dueAt).not.toBeNull();
    expect(await release(lease.id)).toEqual(first);
  });

  it("cancels a lease that nothing was made for", async () => {
    const { lease } = await acquiring(server, server.acme.id);
    const ended = await release(lease.id);
    expect(ended).toMatchObject({ state: "expired", ending: "expired" });
    expect(eventsOf(ended)).toEqual(["request", "cancel"]);
    expect(eventsOf(await release(lease.id))).toEqual(["request", "cancel"]);
  });

  it("does it once however many ask at once", async () => {
    const { lease } = await executing(server, server.acme.id);
    const all = await Promise.all(Array.from({ length: 5 }, () => release(lease.id)));
    expect(new Set(all.map((l) => l.state))).toEqual(new Set(["releasing"]));
    expect(eventsOf(await release(lease.id)).filter((event) => event === "release")).toHaveLength(1);
  });
});

describe("GET /v1/leases", () => {
  it("lists by state and by page", async () => {
    const { lease } = await acquiring(server, server.acme.id);
    const list = async (query: string) => ((await (await server.request(`/v1/leases?${query}`)).json()) as Page<LeaseSummary>).items;
    expect((await list("state=requested")).map((l) => l.id)).toEqual([lease.id]);
    expect(await list("limit=1")).toHaveLength(1);
    const text = await (await server.request(`/v1/leases/${lease.id}`)).text();
    expect(text).not.toMatch(/claimToken|handle|resourceKey/);
  });

  it("refuses a state that no lease has, naming those there are", async () => {
    const problem = (await (await server.request("/v1/leases?state=happy")).json()) as Problem;
    expect(problem.errors).toEqual([{ field: "query.state", message: expect.stringContaining("requested, acquiring, active") }]);
  });

  it.each(["x", randomUUID()])("knows no lease %s", async (id) => {
    expect(await (await server.request(`/v1/leases/${id}`)).json()).toMatchObject({ status: 404, code: "lease_not_found" });
  });
});
