import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import type { ApiServer } from "./api-server.ts";

interface Described {
  readonly content: Readonly<Record<string, unknown>>;
}
export interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: "path" | "query" | "header"; readonly required?: boolean; readonly schema: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, Described>>;
}

/** The OpenAPI document of an API, to hold its answers against. */
export interface ApiDocument {
  readonly json: { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>; readonly components: object };
  /** Like `GET /v1/runs/{id}`. */
  readonly routes: readonly string[];
  /** Which of the routes a request is for; undefined when none. */
  routeOf(method: string, path: string): string | undefined;
  /** What is wrong with an answer in JSON by the document; null when nothing is, or when no route was meant. */
  faultOf(method: string, path: string, status: number, body: unknown): string | null;
}

const escaped = (part: string): string => part.replaceAll("~", "~0").replaceAll("/", "~1");

export async function readDocument(server: Pick<ApiServer, "request">): Promise<ApiDocument> {
  const json = (await (await server.request("/openapi.json", { token: null })).json()) as ApiDocument["json"];
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema({ $id: "api", ...json });
  const checks = new Map<string, ValidateFunction>();
  const known = Object.entries(json.paths).flatMap(([path, of]) => Object.keys(of).map((method) => ({ path, method, parts: path.split("/") })));
  const routeOf = (method: string, path: string) => {
    const parts = path.split("/");
    const fits = known.filter((one) => one.method === method.toLowerCase() && one.parts.length === parts.length && one.parts.every((part, i) => part === parts[i] || (part.startsWith("{") && parts[i] !== "")));
    // The one with the fewest variables is the one that is served.
    return fits.toSorted((a, b) => a.path.split("{").length - b.path.split("{").length)[0];
  };
  return {
    json,
    routes: known.map(({ method, path }) => `${method.toUpperCase()} ${path}`),
    routeOf: (method, path) => {
      const route = routeOf(method, path);
      return route === undefined ? undefined : `${method} ${route.path}`;
    },
    faultOf: (method, path, status, body) => {
      const route = routeOf(method, path);
      if (route === undefined) return null;
      const described = json.paths[route.path]?.[route.method]?.responses[String(status)];
      if (described === undefined) return `${method} ${route.path} says nothing of an answer ${status}`;
      const type = Object.keys(described.content)[0] ?? "";
      const at = `api#/paths/${escaped(route.path)}/${route.method}/responses/${status}/content/${escaped(type)}/schema`;
      const check = checks.get(at) ?? ajv.compile({ $ref: at });
      checks.set(at, check);
      return check(body) ? null : `${method} ${route.path} ${status}: ${ajv.errorsText(check.errors)}`;
    },
  };
}
