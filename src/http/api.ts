import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { limits } from "../domain/defaults.ts";
import { invalid } from "../domain/errors.ts";
import { activityRoutes } from "./activity.ts";
import { authenticate } from "./authenticate.ts";
import { boardRoutes } from "./board.ts";
import { companyRoutes } from "./companies.ts";
import { defaultEnvironmentRoutes } from "./default-environment.ts";
import { environmentChangeRoutes } from "./environment-changes.ts";
import { environmentProbeRoutes } from "./environment-probes.ts";
import { environmentRoutes } from "./environments.ts";
import { executionRoutes } from "./executions.ts";
import { healthRoutes } from "./health.ts";
import { hostRoutes } from "./hosts.ts";
import { leaseMendingRoutes } from "./lease-mending.ts";
import { leaseRoutes } from "./leases.ts";
import { limitTime } from "./limit-time.ts";
import { logRequests } from "./log-requests.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { problemOf } from "./problem.ts";
import { runStreamRoutes } from "./run-streams.ts";
import { runRoutes } from "./runs.ts";
import { reconcileRoutes } from "./reconcile.ts";
import { tokenRoutes } from "./tokens.ts";
import { refuseUnknown } from "./unknown-routes.ts";

/** The whole HTTP interface. Serve its `fetch`; it opens and closes nothing itself. */
export function createApi(parts: ApiParts): Hono<ApiEnv> {
  const api = new Hono<ApiEnv>();
  api.use(logRequests(parts.log));
  healthRoutes(api, parts);
  api.use("/v1/*", limitTime(parts));
  api.use("/v1/*", authenticate(parts.db));
  api.use("/v1/*", bodyLimit({ maxSize: limits.body, onError: tooLarge }));
  runRoutes(api, parts);
  runStreamRoutes(api, parts);
  environmentRoutes(api, parts);
  environmentChangeRoutes(api, parts);
  environmentProbeRoutes(api, parts);
  defaultEnvironmentRoutes(api, parts);
  companyRoutes(api, parts);
  tokenRoutes(api, parts);
  leaseRoutes(api, parts);
  leaseMendingRoutes(api, parts);
  activityRoutes(api, parts);
  executionRoutes(api, parts);
  hostRoutes(api, parts);
  reconcileRoutes(api, parts);
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
