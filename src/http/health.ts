import { z } from "zod";
import { busy } from "../domain/errors.ts";
import type { ApiParts } from "./parts.ts";
import { json, type Route, route } from "./route.ts";

const tag = "Health";

/** For whoever keeps this process running: no token, nothing about anybody. */
export function healthRoutes(parts: ApiParts): Route[] {
  return [
    route({ method: "GET", path: "/healthz", tag, summary: "Whether this process lives", who: "anybody", answers: { 200: json(z.object({ ok: z.literal(true) }), "It does") } }, ({ c }) => c.json({ ok: true })),
    route(
      { method: "GET", path: "/readyz", tag, summary: "Whether this process can do its work", who: "anybody", answers: { 200: json(z.object({ ok: z.literal(true), checks: z.record(z.string(), z.string()) }), "It can; each check says `ok`") } },
      async ({ c }) => {
        const { ok, checks } = await parts.ready();
        if (ok) return c.json({ ok, checks });
        throw busy("api_not_ready", "something this process needs does not answer", {
          faults: Object.entries(checks)
            .filter(([, said]) => said !== "ok")
            .map(([field, message]) => ({ field, message })),
        });
      },
    ),
  ];
}
