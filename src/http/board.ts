import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { HonoAdapter } from "@bull-board/hono";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono, type MiddlewareHandler } from "hono";
import { timing } from "../domain/defaults.ts";
import { bearerToken, identify, requireOperator } from "./authenticate.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { problemOf } from "./problem.ts";

/**
 * Bull Board, for operators. It only shows: what is to be done stands in Postgres, where the CLI and the API change it, and
 * what a job carries of a run's request may be another company's, so ids are all one sees of it.
 */
export function boardRoutes(parts: ApiParts): Hono<ApiEnv> {
  const server = new HonoAdapter(serveStatic);
  const board = createBullBoard({ queues: [], serverAdapter: server, options: { uiConfig: { boardTitle: "Leasehold" } } });
  server.setBasePath("/queues");
  const shown = new Map<string, BullMQAdapter>();
  let fresh = 0;
  const refresh = async (): Promise<void> => {
    if (Date.now() < fresh) return;
    fresh = Date.now() + timing.workerBeat;
    for (const queue of await parts.boardQueues()) {
      if (shown.has(queue.name)) void queue.close();
      else shown.set(queue.name, readOnly(queue));
    }
    board.replaceQueues([...shown.values()]);
  };

  const pages = new Hono<ApiEnv>();
  pages.use(operatorsOnly(parts));
  pages.use(async (c, next) => {
    await next();
    c.header("content-security-policy", onlyOurs);
  });
  pages.use("/api/*", async (_c, next) => {
    await refresh();
    await next();
  });
  pages.route("/", server.registerPlugin());
  return pages;
}

/** The board's page would fetch a font from elsewhere; whose queues these are is nobody's business there. */
const onlyOurs = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";

function readOnly(queue: ConstructorParameters<typeof BullMQAdapter>[0]): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, { readOnlyMode: true });
  adapter.setFormatter("data", idsOf);
  return adapter;
}

/** What of a job's payload everybody may see. */
const idsOf = (data: unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries((data ?? {}) as Record<string, unknown>).filter(([key]) => ["v", "run", "id", "offer", "company"].includes(key)));

/** A browser asks for a password: the token is it, with any user name. Programs send it as a bearer token. */
const operatorsOnly = (parts: ApiParts): MiddlewareHandler<ApiEnv> => async (c, next) => {
  try {
    const header = c.req.header("authorization");
    const identity = await identify(parts.db, bearerToken(header) ?? basicPassword(header));
    c.set("identity", identity);
    requireOperator(identity, "the queues are");
  } catch (error) {
    const answer = problemOf(error, parts.log);
    if (answer.status === 401) answer.headers.set("www-authenticate", 'Basic realm="Leasehold: any user name, the token as password", charset="UTF-8"');
    return answer;
  }
  await next();
};

function basicPassword(header: string | undefined): string | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const pair = Buffer.from(encoded, "base64").toString();
  return pair.includes(":") ? pair.slice(pair.indexOf(":") + 1) : undefined;
}
