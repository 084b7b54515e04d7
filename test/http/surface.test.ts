import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Writable } from "node:stream";
import { pino } from "pino";
import { busy, cancelled, gone, invalid, refused, stale, transient } from "../../src/domain/errors.ts";
import { problemOf } from "../../src/http/problem.ts";
import { type ApiServer, startApi } from "./api-server.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

describe("errors as problem documents", () => {
  const lines: string[] = [];
  const log = pino({}, new Writable({ write: (chunk, _encoding, done) => (lines.push(String(chunk)), done()) }));
  const outage = Object.assign(new Error("connect ECONNREFUSED 10.0.0.1:5432"), { code: "ECONNREFUSED" });

  it.each([
    [invalid("a_b", "m"), 422, "a_b", null],
    [invalid("a_b", "m", { status: 404 }), 404, "a_b", null],
    [stale("a_b", "m"), 409, "a_b", null],
    [busy("a_b", "m", { retryAfter: 7 }), 503, "a_b", "7"],
    [busy("a_b", "m", { status: 429 }), 429, "a_b", "1"],
    [transient("a_b", "m"), 502, "a_b", null],
    [refused("a_b", "m"), 502, "a_b", null],
    [gone("a_b", "m"), 410, "a_b", null],
    [cancelled("a_b", "m"), 409, "a_b", null],
    [outage, 503, "database_unavailable", "1"],
    [new Error("secret detail"), 500, "internal_error", null],
    ["not even an error", 500, "internal_error", null],
  ])("%s is %i", async (error, status, code, retryAfter) => {
    const response = problemOf(error, log);
    expect(response.status).toBe(status);
    expect(response.headers.get("retry-after")).toBe(retryAfter);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ status, code, title: expect.any(String), detail: expect.any(String), type: expect.any(String) });
    expect(text).not.toMatch(/secret detail|10\.0\.0\.1|\.ts:/);
  });

  it("keeps the stack of a bug in the log", () => {
    expect(lines.join("")).toMatch(/secret detail.*surface\.test\.ts/s);
  });
});

describe("what is not there", () => {
  it.each([
    ["GET", "/", 404, null],
    ["GET", "/v2/runs", 404, null],
    ["DELETE", "/v1/runs", 405, "GET, HEAD, POST"],
    ["PUT", "/v1/runs/x", 405, "GET, HEAD"],
    ["GET", "/v1/runs/x/cancel", 405, "POST"],
    ["POST", "/healthz", 405, "GET, HEAD"],
  ])("%s %s is %i", async (method, path, status, allow) => {
    const response = await server.request(path, { method });
    expect(response.status).toBe(status);
    expect(response.headers.get("allow")).toBe(allow);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
  });
});

describe("what is no HTTP request", () => {
  it.each([
    ["GET / HTTP/1.1\r\nhost : x\r\n\r\n", 400],
    ["hello\r\n\r\n", 400],
    [`GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(100_000)}\r\n\r\n`, 431],
  ])("is answered with a problem document (%#)", async (text, status) => {
    const socket = connect(server.port, "127.0.0.1");
    socket.write(text);
    const answer = Buffer.concat(await socket.toArray()).toString();
    expect(answer.startsWith(`HTTP/1.1 ${status} `)).toBe(true);
    expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")))).toMatchObject({ status, code: "request_malformed" });
  });
});

describe("readyz", () => {
  it("says which part does not answer", async () => {
    expect(await (await server.request("/readyz")).json()).toEqual({ ok: true, checks: { database: "ok", redis: "ok" } });
    server.checks["redis"] = "no answer within 2 seconds";
    const response = await server.request("/readyz");
    server.checks["redis"] = "ok";
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "api_not_ready", errors: [{ field: "redis", message: "no answer within 2 seconds" }] });
  });
});
