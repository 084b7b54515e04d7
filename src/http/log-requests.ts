import type { MiddlewareHandler } from "hono";
import type { Logger } from "pino";
import type { ApiEnv } from "./parts.ts";

/** One line per request, when its answer begins. The path only: a query may hold anything. */
export const logRequests =
  (log: Logger): MiddlewareHandler<ApiEnv> =>
  async (c, next) => {
    const start = performance.now();
    await next();
    const line = { method: c.req.method, path: c.req.path, status: c.res.status, ms: Math.round(performance.now() - start), company: c.get("identity")?.companyId };
    // Probes come every few seconds and say nothing as long as all is well.
    if (c.res.ok && (c.req.path === "/healthz" || c.req.path === "/readyz")) log.debug(line, "request");
    else log.info(line, "request");
  };
