import type { Hono } from "hono";
import { busy } from "../domain/errors.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";

/** For whoever keeps this process running: no token, nothing about anybody. */
export function healthRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  api.get("/healthz", (c) => c.json({ ok: true }));

  api.get("/readyz", async (c) => {
    const { ok, checks } = await parts.ready();
    if (ok) return c.json({ ok, checks });
    throw busy("api_not_ready", "something this process needs does not answer", {
      faults: Object.entries(checks)
        .filter(([, said]) => said !== "ok")
        .map(([field, message]) => ({ field, message })),
    });
  });
}
