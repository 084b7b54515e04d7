import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Activity, Company, MadeToken, Page, Problem, Token } from "../../src/client/index.ts";
import { type ApiServer, startApi } from "./api-server.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

const ask = async <T>(method: string, path: string, body?: unknown, token = server.acme.operator): Promise<{ status: number; body: T }> => {
  const response = await server.request(path, { method, token, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: response.status, body: (await response.json()) as T };
};
const tokensOf = async (company: string): Promise<readonly Token[]> => (await ask<Page<Token>>("GET", `/v1/companies/${company}/tokens`)).body.items;

describe("POST /v1/companies", () => {
  it("makes a company, which its own activity tells", async () => {
    const { status, body } = await ask<Company>("POST", "/v1/companies", { name: "Zoë & co", maxLeases: 3 });
    expect([status, body]).toMatchObject([201, { name: "Zoë & co", maxLeases: 3, usedLeases: 0, waitingLeases: 0 }]);
    expect((await ask("GET", `/v1/companies/${encodeURIComponent("Zoë & co")}`)).body).toEqual(body);
    const { token } = (await ask<MadeToken>("POST", `/v1/companies/${encodeURIComponent("Zoë & co")}/tokens`, { name: "first" })).body;
    const told = (await ask<Page<Activity>>("GET", "/v1/activity", undefined, token)).body.items;
    expect(told.map((one) => one.action)).toEqual(["company.token_created", "company.created"]);
    expect(JSON.stringify(told)).not.toContain(token);
  });

  it.each([
    [{ name: "acme" }, 409, "company_name_taken"],
    [{ name: " x" }, 422, "company_invalid"],
    [{ name: "x", maxLeases: 0 }, 422, "company_invalid"],
    [{}, 422, "company_invalid"],
    [{ name: "x", role: "operator" }, 422, "company_invalid"],
  ])("refuses %j", async (body, status, code) => {
    expect(await ask("POST", "/v1/companies", body)).toMatchObject({ status, body: { code } });
  });

  it("of two at once with one name makes one", async () => {
    const both = await Promise.all([1, 2].map(() => ask("POST", "/v1/companies", { name: "twice" })));
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409]);
  });
});

describe("tokens", () => {
  it("are given once, work at once, are listed without what they are, and are out with the next request", async () => {
    const { status, body: made } = await ask<MadeToken>("POST", "/v1/companies/other/tokens", { name: "on call", role: "operator" });
    expect([status, made.role]).toEqual([201, "operator"]);
    expect((await ask("GET", "/v1/hosts", undefined, made.token)).status).toBe(200);
    const { token, ...shown } = made;
    expect(await tokensOf("other")).toContainEqual(shown);
    expect(JSON.stringify(await tokensOf("other"))).not.toContain(token);
    expect((await ask<Token>("DELETE", `/v1/companies/other/tokens/${made.id}`)).body).toEqual(shown);
    expect((await ask<Problem>("GET", "/v1/hosts", undefined, token)).body).toMatchObject({ status: 401, code: "token_unknown" });
    expect((await ask<Problem>("DELETE", `/v1/companies/other/tokens/${made.id}`)).body.code).toBe("token_not_found");
  });

  it("speak for their own company, as producers unless it is said", async () => {
    const made = (await ask<MadeToken>("POST", "/v1/companies/other/tokens", { name: "plain" })).body;
    expect((await ask<Problem>("GET", "/v1/companies", undefined, made.token)).body.code).toBe("operator_required");
  });

  it("are revoked below their own company only", async () => {
    const [mine] = await tokensOf("acme");
    expect(await ask("DELETE", `/v1/companies/other/tokens/${mine?.id}`)).toMatchObject({ status: 404, body: { code: "token_not_found" } });
  });

  it.each([
    [{}, "token.name"],
    [{ name: "" }, "token.name"],
    [{ name: "x", role: "god" }, "token.role"],
    [{ name: "x", token: "mine" }, "token.token"],
  ])("refuses %j and names the field", async (body, field) => {
    expect((await ask<Problem>("POST", "/v1/companies/acme/tokens", body)).body).toMatchObject({ status: 422, code: "token_invalid", errors: [{ field }] });
  });

  it.each(["nobody", "%00"])("of the company %s there are none", async (name) => {
    expect(await ask("GET", `/v1/companies/${name}/tokens`)).toMatchObject({ status: 404, body: { code: "company_not_found" } });
  });

  it("a token given for an id is not repeated in the answer", async () => {
    const { status, body } = await ask<Problem>("DELETE", `/v1/companies/acme/tokens/${server.acme.producer}`);
    expect(status).toBe(404);
    expect(JSON.stringify(body)).not.toContain(server.acme.producer);
  });

  it("the last operator's stays, also when the last two revoke each other", async () => {
    const operators = async () =>
      (await Promise.all(["acme", "other"].map(async (company) => (await tokensOf(company)).filter((t) => t.role === "operator").map((t) => ({ company, id: t.id }))))).flat();
    const [acmes, others] = await operators();
    const revoke = (of: { company: string; id: string } | undefined, by: string) => ask<Problem>("DELETE", `/v1/companies/${of?.company}/tokens/${of?.id}`, undefined, by);
    const both = await Promise.all([revoke(acmes, server.other.operator), revoke(others, server.acme.operator)]);
    expect(both.filter(({ status }) => status === 200)).toHaveLength(1);
    const left = both[0]?.status === 200 ? server.other.operator : server.acme.operator;
    const page = await ask<Page<Token>>("GET", `/v1/companies/${left === server.acme.operator ? "acme" : "other"}/tokens`, undefined, left);
    const last = page.body.items.find((t) => t.role === "operator");
    const refused = await revoke({ company: left === server.acme.operator ? "acme" : "other", id: last?.id ?? "" }, left);
    expect(refused).toMatchObject({ status: 409, body: { code: "token_last_operator", detail: expect.stringContaining("make another one first") as unknown } });
  });
});
