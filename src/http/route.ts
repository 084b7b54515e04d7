import type { Context, Hono } from "hono";
import { z } from "zod";
import type { Identity } from "../db/companies.ts";
import { invalid } from "../domain/errors.ts";
import { isId } from "../domain/ids.ts";
import { parse } from "../domain/parse.ts";
import { requireOperator } from "./authenticate.ts";
import { readJson, readNothing, readQuery } from "./input.ts";
import type { ApiEnv } from "./parts.ts";

/**
 * What a route is, said once: it is served, checked and documented by this. Handlers get what was asked, already checked, in
 * this order: who asks, the path, the query, the body.
 */
export interface Declaration<P extends PathParams, Q extends z.ZodRawShape, B> {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** As Hono has it, with `:name` for a part of the path. */
  readonly path: string;
  /** Under which heading the document has it. */
  readonly tag: string;
  /** One sentence. */
  readonly summary: string;
  readonly description?: string;
  /** Who may: everybody, whoever has a token, or operators only; then it says what is theirs, like `hosts are`. */
  readonly who: "anybody" | "company" | { readonly operators: string };
  readonly params?: P;
  readonly query?: Q;
  readonly body?: Body<B>;
  readonly headers?: readonly Header[];
  readonly answers: Readonly<Record<number, Answer>>;
  /** Statuses of problems that are its own, beside those that every route can have. */
  readonly problems?: readonly number[];
}

export type Header = "idempotency-key" | "last-event-id";

export interface Answer {
  readonly says: string;
  readonly type: "application/json" | "application/octet-stream" | "text/event-stream" | "text/html";
  readonly schema?: z.ZodType;
}

/** A part of a path: what it is for the document, and what it says. Throws where it can be nothing that is there. */
export interface PathParam {
  readonly schema: z.ZodType;
  read(text: string): string;
}
export type PathParams = Readonly<Record<string, PathParam>>;

/** `root` is what the body is called in errors. One that a use case checks is given on as it came. */
export type Body<B> = { readonly schema: z.ZodType<B>; readonly root: string } | { readonly schema: z.ZodType; readonly checked: false };

export interface Asked<P extends PathParams, Q extends z.ZodRawShape, B> {
  readonly c: Context<ApiEnv>;
  readonly identity: Identity;
  readonly companyId: string;
  readonly params: { readonly [K in keyof P]: string };
  readonly query: z.output<z.ZodObject<Q>>;
  readonly body: B;
}

export interface Route extends Declaration<PathParams, z.ZodRawShape, unknown> {
  readonly handle: (c: Context<ApiEnv>) => Promise<Response>;
}

export function route<P extends PathParams = Record<never, never>, Q extends z.ZodRawShape = Record<never, never>, B = undefined>(
  declared: Declaration<P, Q, B>,
  handle: (asked: Asked<P, Q, B>) => Promise<Response> | Response,
): Route {
  const { who, params, query, body } = declared;
  return {
    ...(declared as Declaration<PathParams, z.ZodRawShape, unknown>),
    handle: async (c) => {
      const { identity } = c.var;
      if (typeof who === "object") requireOperator(identity, who.operators);
      const read = Object.fromEntries(Object.entries(params ?? {}).map(([name, param]) => [name, param.read(c.req.param(name) ?? "")]));
      return handle({
        c,
        identity,
        // Who may come without a token asks for nothing of a company.
        companyId: who === "anybody" ? "" : identity.companyId,
        params: read as { [K in keyof P]: string },
        // Balancers that look whether we live may add what they like.
        query: who === "anybody" ? ({} as z.output<z.ZodObject<Q>>) : readQuery(c, query ?? ({} as Q)),
        body: (await readBody(c, declared.method, body)) as B,
      });
    },
  };
}

/** Serves the routes. Their order counts where a path fits several: the fixed ones come first. */
export function serve(api: Hono<ApiEnv>, routes: readonly Route[]): void {
  for (const { method, path, handle } of routes) api.on(method, path, handle);
}

async function readBody(c: Context, method: string, body: Body<unknown> | undefined): Promise<unknown> {
  if (body !== undefined) {
    const given = await readJson(c);
    return "root" in body ? parse(body.schema, given, body.root) : given;
  }
  if (method !== "GET") await readNothing(c);
  return undefined;
}

export const json = (schema: z.ZodType, says: string): Answer => ({ says, type: "application/json", schema });
export const bytes = (says: string): Answer => ({ says, type: "application/octet-stream" });
export const events = (says: string): Answer => ({ says, type: "text/event-stream" });

/** An id in the path. What cannot be an id is as unknown as one that nobody has: 404. */
export const idOf = (noun: "run" | "lease" | "execution"): PathParam => ({
  schema: z.uuid(),
  read: (text) => {
    if (!isId(text)) throw invalid(`${noun}_not_found`, `no ${noun} ${text.slice(0, 100)}: ids are UUIDs`, { status: 404 });
    return text;
  },
});

/** An id or a name, which may be anything. */
export const nameOf = (what: string): PathParam => ({ schema: z.string().meta({ description: what }), read: (text) => text });
