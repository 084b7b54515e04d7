import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiParts } from "../../src/http/parts.ts";
import { allRoutes } from "../../src/http/routes.ts";
import { type ApiServer, startApi } from "./api-server.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

interface Operation {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

const documentOf = async (): Promise<Document> => (await (await server.request("/openapi.json", { token: null })).json()) as Document;

describe("GET /openapi.json", () => {
  it("describes every route, with its parameters and answers, and needs no token", async () => {
    const document = await documentOf();
    expect(document.openapi).toBe("3.1.0");
    const described = Object.entries(document.paths).flatMap(([path, operations]) => Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`));
    expect(described.sort()).toEqual(allRoutes({} as ApiParts).map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`).sort());
    const operations = Object.entries(document.paths).flatMap(([path, of]) => Object.values(of).map((operation) => ({ path, operation })));
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect((operation.parameters ?? []).filter((one) => one.in === "path").map(({ name }) => name), path).toEqual(inPath);
      expect(operation.security, path).toEqual(path.startsWith("/v1/") ? [{ token: [] }] : []);
      expect(Object.keys(operation.responses).some((status) => status.startsWith("2")), path).toBe(true);
    }
  });

  it("says what is checked: a run's command is needed, and unknown keys are refused", async () => {
    const { paths } = await documentOf();
    const body = paths["/v1/runs"]?.["post"]?.requestBody?.content["application/json"]?.schema as { required: string[]; additionalProperties: unknown; properties: Record<string, unknown> };
    expect(body.required).toEqual(["command"]);
    expect(body.additionalProperties).toBe(false);
    expect(Object.keys(body.properties)).toContain("timeoutMs");
  });

  it("refers only to schemas that it has", async () => {
    const document = await documentOf();
    const referred = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(referred.length).toBeGreaterThan(50);
    for (const name of referred) expect(document.components.schemas, name).toHaveProperty(name.replace("#/components/schemas/", ""));
  });
});

describe("GET /docs", () => {
  it("is a page that loads nothing from anybody else", async () => {
    const page = await server.request("/docs", { token: null });
    expect(page.headers.get("content-type")).toMatch(/^text\/html/);
    expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'self';/);
    const loaded = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(loaded).toHaveLength(3);
    for (const path of loaded) {
      expect(path).toMatch(/^\/docs\//);
      const asset = await server.request(path, { token: null });
      expect(asset.status, path).toBe(200);
      expect((await asset.text()).length, path).toBeGreaterThan(50);
    }
  });
});
