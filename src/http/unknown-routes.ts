import type { Context, Hono } from "hono";
import { invalid } from "../domain/errors.ts";
import type { ApiEnv } from "./parts.ts";

/** Throws what there is to say about a request that no route took: 405 where another method would do, else 404. */
export function refuseUnknown(api: Hono<ApiEnv>, c: Context): { error: Error; allow: string } {
  const { path, method } = c.req;
  const known = api.routes.filter((r) => r.method !== "ALL" && !r.path.includes("*") && matches(r.path, path));
  // What can be read can be asked for without its body.
  const allow = [...new Set(known.flatMap(({ method: m }) => (m === "GET" ? ["GET", "HEAD"] : [m])))].sort().join(", ");
  if (allow === "") return { allow, error: invalid("route_not_found", `nothing is at ${path.slice(0, 200)}; the API begins at /v1`, { status: 404 }) };
  return { allow, error: invalid("method_not_allowed", `${method} is not possible here; use ${allow}`, { status: 405 }) };
}

/** Whether a path is one of a route's, where `:name` stands for anything in its place. */
function matches(route: string, path: string): boolean {
  const wanted = route.split("/");
  const given = path.split("/");
  return wanted.length === given.length && wanted.every((part, i) => (part.startsWith(":") ? given[i] !== "" : part === given[i]));
}
