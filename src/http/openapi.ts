import { z } from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject, type ZodOpenApiResponsesObject } from "zod-openapi";
import { endEvent, executionStateEvent, outputEvent, stateEvent } from "../wire/events.ts";
import { problem } from "../wire/problem.ts";
import type { Answer, Header, Route } from "./route.ts";

const scheme = "token";

/** What problems of each status have in common. */
const problems: Readonly<Record<number, string>> = {
  400: "What came is no JSON",
  401: "No token, or one that nobody has",
  403: "For operators only",
  404: "It is not there, or another company's",
  405: "Another method would do; `Allow` says which",
  409: "It is not in a state for this, or was asked for differently before",
  413: "The body is too large",
  422: "Something that was asked for can never work; `errors` names the fields",
  429: "Too many requests; `Retry-After` says when to come again",
  500: "An error nobody thought of; the log of the API has the details",
  502: "Who should have done it failed",
  503: "Not at the moment; `Retry-After` says when to come again",
};

const headers: { readonly [K in Header]: z.ZodType } = {
  "idempotency-key": z.string().regex(/^[\x21-\x7e]{1,200}$/).optional().meta({ description: "The same key with the same request gives the same thing, however often it is sent", example: "beat-2026-11-27T20:00" }),
  "last-event-id": z.string().regex(/^\d{1,15}-\d{1,15}$/).optional().meta({ description: "The id of the last event that was seen", example: "120-0" }),
};

/** The OpenAPI document of the routes: the schemas in it are those that requests are checked by. */
export function openApiOf(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return createDocument({
    openapi: "3.1.0",
    info: {
      title: "Leasehold",
      version,
      description: "Leases execution environments to the runs of AI agents. Times are ISO 8601 in UTC. Every error is a problem document (RFC 9457); programs look at its `code`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths: paths as ZodOpenApiPathsObject,
    components: {
      securitySchemes: { [scheme]: { type: "http", scheme: "bearer", description: "A token of a company, as `Authorization: Bearer <token>`" } },
      schemas: { StateEvent: stateEvent, ExecutionStateEvent: executionStateEvent, OutputEvent: outputEvent, EndEvent: endEvent },
    },
  });
}

function operationOf(route: Route): ZodOpenApiOperationObject {
  const { body, description, params, query, summary, tag, who } = route;
  const wanted = {
    ...(params === undefined ? {} : { path: z.object(Object.fromEntries(Object.entries(params).map(([name, { schema }]) => [name, schema]))) }),
    ...(query === undefined ? {} : { query: z.object(query) }),
    ...(route.headers === undefined ? {} : { header: z.object(Object.fromEntries(route.headers.map((name) => [name, headers[name]]))) }),
  };
  return {
    operationId: operationId(route),
    tags: [tag],
    summary,
    ...(typeof who === "object" ? { description: `${description === undefined ? "" : `${description} `}For operators.` } : description === undefined ? {} : { description }),
    security: who === "anybody" ? [] : [{ [scheme]: [] }],
    ...(Object.keys(wanted).length === 0 ? {} : { requestParams: wanted }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: { "application/json": { schema: body.schema } } } }),
    responses: { ...Object.fromEntries(Object.entries(route.answers).map(([status, answer]) => [status, answerOf(answer)])), ...problemsOf(route) },
  };
}

/** Like `getRunsIdOutput`: stable as long as the route is. */
const operationId = ({ method, path }: Route): string =>
  method.toLowerCase() +
  path
    .replace(/^\/v1/, "")
    .split(/[/:-]+/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("");

function answerOf({ says, type, schema }: Answer): { description: string; content: Record<string, object> } {
  if (schema !== undefined) return { description: says, content: { [type]: { schema } } };
  return { description: says, content: { [type]: { schema: { type: "string", ...(type === "application/octet-stream" ? { format: "binary" } : {}) } } } };
}

/** Statuses with which a route can refuse. */
export function problemStatuses({ body, method, params, problems: own, query, who }: Route): number[] {
  const asks = query !== undefined || method !== "GET" || who !== "anybody";
  const all = [
    ...(who === "anybody" ? [] : [401, 429]),
    ...(typeof who === "object" ? [403] : []),
    ...(params === undefined ? [] : [404]),
    ...(method === "GET" && body === undefined ? [] : [400, 413]),
    ...(asks ? [422] : []),
    ...(own ?? []),
    500,
    503,
  ];
  return [...new Set(all)].sort((a, b) => a - b);
}

const problemsOf = (route: Route): ZodOpenApiResponsesObject =>
  Object.fromEntries(problemStatuses(route).map((status) => [status, { description: problems[status] ?? "A problem", content: { "application/problem+json": { schema: problem } } }])) as ZodOpenApiResponsesObject;
