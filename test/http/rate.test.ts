import { expect, it } from "vitest";
import { rateWindow } from "../../src/domain/defaults.ts";
import { startApi } from "./api-server.ts";
import { readDocument } from "./document.ts";

it("I12: a token that asks for too much is told when to come again; others are not kept waiting", async () => {
  await using server = await startApi({ requestsPerSecond: 1 });
  const document = await readDocument(server);
  const statuses: number[] = [];
  for (let n = 0; n < rateWindow; n += 1) statuses.push((await server.request("/v1/runs?limit=1")).status);
  expect(statuses).toEqual(statuses.map(() => 200));
  const refused = await server.request("/v1/runs?limit=1");
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  const problem: unknown = await refused.json();
  expect(problem).toMatchObject({ code: "requests_too_many" });
  expect(document.faultOf("GET", "/v1/runs", 429, problem)).toBeNull();
  expect((await server.request("/v1/runs?limit=1", { token: server.acme.operator })).status).toBe(200);
  expect((await server.request("/healthz")).status).toBe(200);
});
