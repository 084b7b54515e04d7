import { randomUUID } from "node:crypto";
import { Queue } from "bullmq";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiServer, startApi } from "./api-server.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

const basic = (password: string, user = "anybody"): string => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
const board = (authorization: string | null, path = "/queues", init: RequestInit = {}) =>
  server.request(path, { token: null, ...init, headers: authorization === null ? {} : { authorization } });

describe("I12: the board of queues", () => {
  it.each([
    ["nobody", () => null, 401],
    ["a wrong password", () => basic("wrong"), 401],
    ["no password", () => "Basic !!!", 401],
    ["a producer's password", () => basic(server.acme.producer), 403],
    ["a producer's token", () => `Bearer ${server.acme.producer}`, 403],
    ["an operator's password", () => basic(server.acme.operator), 200],
    ["an operator's token", () => `Bearer ${server.acme.operator}`, 200],
  ])("meets %s", async (_who, authorization, status) => {
    for (const path of ["/queues", "/queues/api/queues"]) {
      const response = await board(authorization(), path);
      expect(response.status).toBe(status);
      // Without this no browser would ask for the password.
      expect(response.headers.get("www-authenticate")?.startsWith("Basic") ?? false).toBe(status === 401);
      await response.body?.cancel();
    }
  });

  it("shows ids and nothing of what a job carries, and changes nothing", async () => {
    const queue = new Queue("runs", { connection: server.redis, prefix: server.prefix, skipVersionCheck: true });
    const company = randomUUID();
    const job = await queue.add("run", { v: 1, company, idempotencyKey: "hush", request: { command: ["secret-command"], env: { A: "hunter2" } } });
    const shown = await (await board(basic(server.acme.operator), "/queues/api/queues?activeQueue=runs")).text();
    expect(shown).toContain(company);
    expect(shown).not.toMatch(/hunter2|secret-command|hush/);
    const one = await (await board(basic(server.acme.operator), `/queues/api/queues/runs/${job.id}`)).text();
    expect(one).not.toMatch(/hunter2|secret-command|hush/);
    const clean = await board(basic(server.acme.operator), `/queues/api/queues/runs/${job.id}/clean`, { method: "PUT" });
    expect(clean.status).toBeGreaterThanOrEqual(400);
    expect(await queue.getJob(String(job.id))).toBeDefined();
    await queue.close();
  });

  it("lets its page fetch nothing from elsewhere", async () => {
    const page = await board(basic(server.acme.operator), "/queues");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
    await page.body?.cancel();
  });

  it("leads from /queues/ to the page", async () => {
    const response = await board(null, "/queues/");
    expect([response.status, response.headers.get("location")]).toEqual([302, "/queues"]);
  });
});
