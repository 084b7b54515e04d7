import { getEnvironment } from "../db/environments.ts";
import { unserved } from "../db/workers.ts";
import { timing } from "../domain/defaults.ts";
import { busy } from "../domain/errors.ts";
import { withProbeSecrets } from "../secrets/for-probe.ts";
import { type Probe, probe as probeSchema } from "../wire/probe.ts";
import { backendFor, unsavedEnvironment } from "./environment-request.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiParts } from "./parts.ts";
import { json, nameOf, type Route, route } from "./route.ts";
import { noWorkerServes } from "./waiting.ts";

const tag = "Environments";
const saw = json(probeSchema, "What a worker saw. That the place cannot be used is an answer too");

/** Has a worker look whether an environment can be used. That it cannot is an answer; an error is only that nobody could look. */
export function environmentProbeRoutes(parts: ApiParts): Route[] {
  return [
    route(
      { method: "POST", path: "/v1/environments/probe", tag, summary: "Look whether an environment that is not saved can be used", who: "company", body: { schema: unsavedEnvironment, root: "environment" }, answers: { 200: saw }, problems: [404, 409, 502] },
      async ({ c, companyId, body: { driver, config } }) => {
        const backend = backendFor({ driver, config });
        const checked = parts.checkConfig(backend, config);
        const fields = parts.secretFields(backend, checked);
        const probe = await withProbeSecrets(parts.secrets, companyId, checked, fields, (kept) => look(parts, backend, kept, fields.length === 0 ? null : companyId, c.req.raw.signal));
        await noteActivity(parts, {
          companyId,
          action: "environment.probed_unsaved",
          entityType: "company",
          entityId: companyId,
          details: { driver, backend, ok: probe.ok, summary: probe.summary },
        });
        return c.json(probe);
      },
    ),
    route(
      { method: "POST", path: "/v1/environments/:id/probe", tag, summary: "Look whether an environment can be used", who: "company", params: { id: nameOf("Id or name of the environment") }, answers: { 200: saw }, problems: [502] },
      async ({ c, companyId, params: { id } }) => {
        const environment = await getEnvironment(parts.db, companyId, id);
        const refers = parts.secretFields(environment.backend, environment.config).length > 0;
        const probe = await look(parts, environment.backend, environment.config, refers ? companyId : null, c.req.raw.signal);
        await noteActivity(parts, {
          companyId: environment.companyId,
          action: "environment.probed",
          entityType: "environment",
          entityId: environment.id,
          details: { name: environment.name, driver: environment.driver, backend: environment.backend, ok: probe.ok, summary: probe.summary },
        });
        return c.json(probe);
      },
    ),
  ];
}

/** Throws `busy` `no_worker` when nobody is there to be asked, and `transient` `probe_failed`. */
async function look({ db, probes }: ApiParts, backend: string, config: Record<string, unknown>, companyId: string | null, signal: AbortSignal): Promise<Probe> {
  if ((await unserved(db, [backend])).length > 0) throw busy("no_worker", noWorkerServes(backend), { retryAfter: timing.workerBeat / 1000 });
  return probes.ask({ backend, config, ...(companyId === null ? {} : { companyId }), signal });
}
