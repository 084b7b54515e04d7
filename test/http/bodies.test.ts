import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limits } from "../../src/domain/defaults.ts";
import { type ApiServer, startApi } from "./api-server.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
const environment = (more: object): string => JSON.stringify({ name: "odd", driver: "local", ...more });
const manyKeys = JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`unknown${i}`, i])));

describe("bodies that no client of ours sends", () => {
  it.each<[string, string, string | Uint8Array<ArrayBuffer>, number, string, Record<string, string>]>([
    ["packed", "/v1/runs", new Uint8Array(gzipSync('{"command":["true"]}')), 415, "body_encoded", { "content-encoding": "gzip" }],
    ["not UTF-8", "/v1/runs", new Uint8Array(Buffer.from('{"command":["caf\xe9"]}', "latin1")), 400, "body_malformed", {}],
    ["with a mark of byte order", "/v1/runs", '\ufeff{"command":["true"]}', 400, "body_malformed", {}],
    ["nested too deep", "/v1/environments", `{"name":"deep","driver":"local","metadata":{"a":${nested(3000)}}}`, 422, "body_too_complex", {}],
    ["of too many values", "/v1/environments", `[${"0,".repeat(limits.bodyValues)}0]`, 422, "body_too_complex", {}],
    ["with NUL in a value", "/v1/environments", environment({ metadata: { a: [{ b: "x\0y" }] } }), 422, "environment_invalid", {}],
    ["with NUL in a key", "/v1/environments", environment({ metadata: { "a\0": 1 } }), 422, "environment_invalid", {}],
    ["with half a surrogate pair in a value", "/v1/environments", environment({ metadata: { a: "\ud800" } }), 422, "environment_invalid", {}],
    ["with half a surrogate pair in a description", "/v1/environments", environment({ description: "\udc00" }), 422, "environment_invalid", {}],
  ])("are refused: %s", async (_what, path, body, status, code, headers) => {
    const response = await server.request(path, { method: "POST", body, headers });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code]);
  });

  it("name a hundred faults and no more", async () => {
    const response = await server.request("/v1/runs", { method: "POST", body: manyKeys });
    const problem = (await response.json()) as { errors: unknown[] };
    expect(response.status).toBe(422);
    expect(problem.errors).toHaveLength(limits.faults);
  });

  it.each(["/v1/environments", "/v1/runs", "/v1/activity"])("a cursor that no page gave is refused: %s", async (path) => {
    for (const cursor of ["%%%", "====", "AA", Buffer.from("a\0b").toString("base64url"), Buffer.from([0xff, 0xfe]).toString("base64url")]) {
      const response = await server.request(`${path}?cursor=${encodeURIComponent(cursor)}`);
      expect([cursor, response.status]).toEqual([cursor, 422]);
    }
  });
});
