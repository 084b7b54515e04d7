import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Host, Lease, Page } from "../../src/client/index.ts";
import { beatWorker } from "../../src/db/workers.ts";
import { newId } from "../../src/domain/ids.ts";
import { insertLeaseIn } from "../support/lease-rows.ts";
import { type ApiServer, startApi } from "./api-server.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  await server.db.execute(sql`truncate hosts, workers`);
});

const host = async (name: string, backends = ["local"]): Promise<string> => {
  const id = newId();
  await beatWorker(server.db, { id: newId(), host: id, hostName: name, pid: 1, version: "0", backends });
  return id;
};
const ask = (path: string, method = "GET", token: string | null = server.acme.operator): Promise<Response> => server.request(path, { method, token });
const answer = async <T>(path: string, method?: string): Promise<T> => (await (await ask(path, method)).json()) as T;

const routes = [["GET", "/v1/hosts"], ["GET", "/v1/hosts/one"], ["POST", "/v1/hosts/one/drain"], ["POST", "/v1/hosts/one/undrain"]] as const;

describe("who may ask", () => {
  it.each(routes)("I12: %s %s: operators, of any company", async (method, path) => {
    await host("one");
    expect((await ask(path, method, null)).status).toBe(401);
    expect((await ask(path, method, "lh_unknown")).status).toBe(401);
    for (const token of [server.acme.producer, server.other.producer]) {
      const refused = await ask(path, method, token);
      expect([refused.status, await refused.json()]).toMatchObject([403, { code: "operator_required" }]);
    }
    for (const token of [server.acme.operator, server.other.operator]) expect((await ask(path, method, token)).status).toBe(200);
  });

  it("I12: leases of other companies are counted, and that is all", async () => {
    const id = await host("one");
    const lease = await insertLeaseIn(server.db, server.other.id, { state: "active", patch: { host: id } });
    const text = await (await ask("/v1/hosts/one")).text();
    expect(JSON.parse(text)).toMatchObject({ openLeases: 1, stuckLeases: 0 });
    for (const secret of [lease.id, server.other.id]) expect(text).not.toContain(secret);
  });
});

describe("GET /v1/hosts", () => {
  it("gives them in pages, the one that is known longest first", async () => {
    const ids: string[] = [];
    for (const name of ["b", "a", "c"]) ids.push(await host(name, ["local", name]));
    const first = await answer<Page<Host>>("/v1/hosts?limit=2");
    expect(first.items.map((h) => h.id)).toEqual(ids.slice(0, 2));
    expect(first.items[0]).toEqual({
      id: ids[0], name: "b", state: "alive", backends: ["b", "local"], workers: 1, openLeases: 0, stuckLeases: 0, drainingAt: null,
      createdAt: expect.stringMatching(/Z$/) as string, seenAt: expect.stringMatching(/Z$/) as string,
    });
    const last = await answer<Page<Host>>(`/v1/hosts?limit=2&cursor=${first.next}`);
    expect([last.items.map((h) => h.id), last.next]).toEqual([[ids[2]], null]);
    const all: string[] = [];
    for await (const one of server.client(server.acme.operator).hosts.list({ pageSize: 1 })) all.push(one.id);
    expect(all).toEqual(ids);
    expect((await ask("/v1/hosts?moon=1")).status).toBe(422);
  });
});

describe("one host", () => {
  it("is found by name or id; an unknown one is not; of several with the name it tells the ids", async () => {
    const [one, two] = [await host("same"), await host("same")];
    expect((await answer<Host>(`/v1/hosts/${one}`)).id).toBe(one);
    expect(await answer(`/v1/hosts/${randomUUID()}`)).toMatchObject({ status: 404, code: "host_not_found" });
    expect(await answer("/v1/hosts/none")).toMatchObject({ status: 404, code: "host_not_found" });
    for (const method of ["GET", "POST"]) {
      const problem = await answer<{ detail: string }>(`/v1/hosts/same${method === "POST" ? "/drain" : ""}`, method);
      expect(problem).toMatchObject({ status: 409, code: "host_ambiguous" });
      for (const id of [one, two]) expect(problem.detail).toContain(id);
    }
    expect((await answer<Host>(`/v1/hosts/${two}`)).state).toBe("alive");
  });

  it("drains, since the first time that was said, and not any more", async () => {
    const id = await host("one");
    const client = server.client(server.acme.operator);
    const first = await client.hosts.drain("one");
    expect(first).toMatchObject({ id, state: "draining" });
    expect((await client.hosts.drain(id)).drainingAt).toBe(first.drainingAt);
    expect(await client.hosts.get("one")).toMatchObject({ state: "draining" });
    // A beat says nothing about it.
    await beatWorker(server.db, { id: newId(), host: id, hostName: "one", pid: 2, version: "0", backends: ["local"] });
    expect(await client.hosts.get("one")).toMatchObject({ state: "draining", workers: 2 });
    expect(await client.hosts.undrain("one")).toMatchObject({ state: "alive", drainingAt: null });
    const wordy = await server.request("/v1/hosts/one/drain", { method: "POST", token: server.acme.operator, body: JSON.stringify({ why: "so" }) });
    expect(wordy.status).toBe(422);
  });

  it("is silent when it was not heard, and says that it was to drain", async () => {
    await host("one");
    await answer("/v1/hosts/one/drain", "POST");
    await server.db.execute(sql`update workers set beat_at = clock_timestamp() - interval '21 seconds'`);
    await server.db.execute(sql`update hosts set beat_at = clock_timestamp() - interval '21 seconds'`);
    expect(await answer("/v1/hosts/one")).toMatchObject({ state: "silent", workers: 0, drainingAt: expect.any(String) as string });
  });
});

describe("what a lease waits for", () => {
  const waiting = async (): Promise<Lease["waiting"]> => {
    const made = await server.request("/v1/leases", { method: "POST", body: "{}" });
    return ((await made.json()) as Lease).waiting;
  };

  it("says whether nobody is there, or all that are drain", async () => {
    expect(await waiting()).toMatchObject({ code: "no_worker" });
    await host("one");
    await host("two");
    expect(await waiting()).toMatchObject({ code: "worker" });
    await answer("/v1/hosts/one/drain", "POST");
    expect(await waiting()).toMatchObject({ code: "worker" });
    await answer("/v1/hosts/two/drain", "POST");
    expect(await waiting()).toMatchObject({ code: "draining", reason: expect.stringContaining("all workers of backend local are on draining hosts") as string });
    await host("three", ["ssh"]);
    expect(await waiting()).toMatchObject({ code: "draining" });
  });
});
