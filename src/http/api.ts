import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { limits } from "../domain/defaults.ts";
import { invalid } from "../domain/errors.ts";
import { authenticate } from "./authenticate.ts";
import { boardRoutes } from "./board.ts";
import { documentation } from "./documentation.ts";
import { limitRate } from "./limit-rate.ts";
import { limitTime } from "./limit-time.ts";
import { logRequests } from "./log-requests.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { problemOf } from "./problem.ts";
import { serve } from "./route.ts";
import { allRoutes } from "./routes.ts";
import { refuseUnknown } from "./unknown-routes.ts";

/** The whole HTTP interface. Serve its `fetch`; it opens and closes nothing itself. */
export function createApi(parts: ApiParts): Hono<ApiEnv> {
  const api = new Hono<ApiEnv>();
  const routes = allRoutes(parts);
  api.use(logRequests(parts.log));
  api.use("/v1/*", limitTime(parts));
  api.use("/v1/*", authenticate(parts.db));
  api.use("/v1/*", limitRate(parts.requestsPerSecond));
  api.use("/v1/*", bodyLimit({ maxSize: limits.body, onError: tooLarge }));
  serve(api, routes);
  documentation(api, routes, parts.version);
  api.get("/queues/", (c) => c.redirect("/queues"));
  api.route("/queues", boardRoutes(parts));

  api.onError((error) => problemOf(error, parts.log));
  api.notFound((c) => {
    const { error, allow } = refuseUnknown(api, c);
    const answer = problemOf(error, parts.log);
    if (allow !== "") answer.headers.set("allow", allow);
    return answer;
  });
  return api;
}

export type { ApiEnv, ApiParts } from "./parts.ts";

function tooLarge(): never {
  throw invalid("body_too_large", `the body is larger than ${limits.body} bytes; put large files into the workspace`, { status: 413 });
}
