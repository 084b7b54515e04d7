import type { Hono } from "hono";
import type { Probe } from "../client/wire.ts";
import { getEnvironment } from "../db/environments.ts";
import { unserved } from "../db/workers.ts";
import { timing } from "../domain/defaults.ts";
import { busy } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { backendFor, unsavedEnvironment } from "./environment-request.ts";
import { readJson, readNothing, readQuery } from "./input.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { noWorkerServes } from "./waiting.ts";

/** Has a worker look whether an environment can be used. That it cannot is an answer; an error is only that nobody could look. */
export function environmentProbeRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  api.post("/v1/environments/probe", async (c) => {
    readQuery(c, {});
    const { driver, config } = parse(unsavedEnvironment, await readJson(c), "environment");
    const backend = backendFor({ driver, config });
    const probe = await look(parts, backend, parts.checkConfig(backend, config), c.req.raw.signal);
    const { companyId } = c.var.identity;
    await noteActivity(parts, {
      companyId,
      action: "environment.probed_unsaved",
      entityType: "company",
      entityId: companyId,
      details: { driver, backend, ok: probe.ok, summary: probe.summary },
    });
    return c.json(probe);
  });

  api.post("/v1/environments/:id/probe", async (c) => {
    readQuery(c, {});
    await readNothing(c);
    const environment = await getEnvironment(parts.db, c.var.identity.companyId, c.req.param("id"));
    const probe = await look(parts, environment.backend, environment.config, c.req.raw.signal);
    await noteActivity(parts, {
      companyId: environment.companyId,
      action: "environment.probed",
      entityType: "environment",
      entityId: environment.id,
      details: { name: environment.name, driver: environment.driver, backend: environment.backend, ok: probe.ok, summary: probe.summary },
    });
    return c.json(probe);
  });
}

/** Throws `busy` `no_worker` when nobody is there to be asked, and `transient` `probe_failed`. */
async function look({ db, probes }: ApiParts, backend: string, config: Record<string, unknown>, signal: AbortSignal): Promise<Probe> {
  if ((await unserved(db, [backend])).length > 0) throw busy("no_worker", noWorkerServes(backend), { retryAfter: timing.workerBeat / 1000 });
  return probes.ask({ backend, config, signal });
}
