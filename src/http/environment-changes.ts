import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import type { Db } from "../db/client.ts";
import { getCompany } from "../db/companies.ts";
import { changeEnvironment, countOpenLeases, deleteEnvironment, type EnvironmentChange } from "../db/environment-changes.ts";
import { type Environment, getEnvironment } from "../db/environments.ts";
import { invalid } from "../domain/errors.ts";
import { mergePatch } from "../domain/merge-patch.ts";
import { parse } from "../domain/parse.ts";
import { changeEnvironmentStatus } from "../leases/archive-environment.ts";
import { keepSecrets } from "../secrets/keep-environment.ts";
import { environment as environmentSchema, type EnvironmentWithUse, environmentWithUse } from "../wire/environment.ts";
import { backendFor, environmentChange, environmentRequest } from "./environment-request.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiParts } from "./parts.ts";
import { presentEnvironment } from "./present.ts";
import { json, nameOf, type Route, route } from "./route.ts";

const tag = "Environments";
const path = "/v1/environments/:id";
const params = { id: nameOf("Id or name of the environment") };

/** Changing, archiving and deleting an environment that is there. */
export function environmentChangeRoutes(parts: ApiParts): Route[] {
  const { db } = parts;

  const note = (environment: Environment, action: "updated" | "archived" | "unarchived" | "deleted", details: Record<string, unknown>): Promise<void> =>
    noteActivity(parts, {
      companyId: environment.companyId,
      action: `environment.${action}`,
      entityType: "environment",
      entityId: environment.id,
      details: { name: environment.name, driver: environment.driver, backend: environment.backend, ...details },
    });

  const statusRoute = (verb: string, summary: string, status: Environment["status"]): Route =>
    route({ method: "POST", path: `${path}/${verb}`, tag, summary, who: "company", params, answers: { 200: json(environmentWithUse, "The environment, and how many leases are open there") } }, async ({ c, companyId, params: { id } }) => {
      const found = await getEnvironment(db, companyId, id);
      const { environment, changed } = await changeEnvironmentStatus(parts, found, status);
      const openLeases = await countOpenLeases(db, environment);
      if (changed) await note(environment, status === "archived" ? "archived" : "unarchived", { openLeases });
      const answer: EnvironmentWithUse = { ...presentEnvironment(environment, (await getCompany(db, companyId)).defaultEnvironmentId), openLeases };
      return c.json(answer);
    });

  return [
    route(
      {
        method: "PATCH",
        path,
        tag,
        summary: "Change an environment",
        description: "What is left out stays; null unsets. `config`, `envVars` and `metadata` are merged (JSON Merge Patch). Leases that are there keep the config they were made with.",
        who: "company",
        params,
        body: { schema: environmentChange, root: "environment" },
        answers: { 200: json(environmentSchema, "The environment as it is now") },
        problems: [409, 502],
      },
      async ({ c, companyId, params, body: wanted }) => {
        const { id } = await getEnvironment(db, companyId, params.id);
        const { before, after } = await changeEnvironment(db, companyId, id, (now, tx) => withSecretsKept(parts, tx, now, changed(parts, now, wanted)));
        const fields = fieldsOf(before).filter((field) => !isDeepStrictEqual(before[field], after[field]));
        if (fields.length > 0) await note(after, "updated", { changed: fields, ...(before.name === after.name ? {} : { before: before.name }) });
        // Who waits for a slot there may have got one.
        if (fields.includes("maxLeases")) await parts.bells.step({ verb: "acquire", backend: after.backend, host: null, cause: `slots-${after.id}-${after.updatedAt.getTime()}` });
        return c.json(presentEnvironment(after, (await getCompany(db, companyId)).defaultEnvironmentId));
      },
    ),
    statusRoute("archive", "Let no new lease be made in an environment", "archived"),
    statusRoute("unarchive", "Let leases be made in an environment again", "active"),
    route(
      { method: "DELETE", path, tag, summary: "Delete an environment that nothing uses", description: "Refused with what uses it in `errors`, else.", who: "company", params, answers: { 200: json(environmentSchema, "The environment as it was") }, problems: [409] },
      async ({ c, companyId, params }) => {
        const { id } = await getEnvironment(db, companyId, params.id);
        const gone = await deleteEnvironment(db, companyId, id);
        await note(gone, "deleted", {});
        return c.json(presentEnvironment(gone, null));
      },
    ),
  ];
}

type Wish = z.output<typeof environmentChange>;

const fieldsOf = (row: Environment) => (Object.keys(row) as (keyof Environment)[]).filter((field) => field !== "updatedAt");

/** The change with what was pasted into secret fields kept as secrets, and with references that are the company's own. */
async function withSecretsKept(parts: ApiParts, tx: Db, now: Environment, wanted: EnvironmentChange): Promise<EnvironmentChange> {
  if (wanted.config === undefined && wanted.envVars === undefined) return wanted;
  const { config = now.config, envVars = now.envVars } = wanted;
  const kept = await keepSecrets(tx, parts.secrets, now, { config, envVars, fields: parts.secretFields(now.backend, config) }, async (safe) => safe);
  return { ...wanted, ...(wanted.config === undefined ? {} : { config: kept }) };
}

/** What of an environment becomes another. Throws `invalid` where it would not be one any more, or not of this provider. */
function changed(parts: ApiParts, now: Environment, wish: Wish): EnvironmentChange {
  const merged = (field: "config" | "envVars" | "metadata"): Record<string, unknown> => (wish[field] === null ? {} : mergePatch(now[field], wish[field] ?? {}));
  // Where several providers serve a driver, its config says which; that one stays.
  const { provider, key } = now.config;
  const fixed = { ...(provider === undefined ? {} : { provider }), ...(key === undefined ? {} : { key }) };
  const config = wish.config === null ? fixed : merged("config");
  const backend = backendFor({ driver: now.driver, config });
  if (backend !== now.backend) {
    throw invalid("environment_invalid", `environment ${now.name} is of ${now.backend}, and this config is of ${backend}; make another environment for that`, {
      faults: [{ field: "environment.config", message: `is of ${backend}; driver and provider cannot be changed` }],
    });
  }
  // The variables as they come to be, checked like those of a new one.
  const { envVars } = parse(environmentRequest.pick({ envVars: true }), { envVars: merged("envVars") }, "environment");
  const wanted: EnvironmentChange = {
    ...(wish.name === undefined ? {} : { name: wish.name }),
    ...(wish.description === undefined ? {} : { description: wish.description }),
    ...(wish.maxLeases === undefined ? {} : { maxLeases: wish.maxLeases }),
    ...(wish.config === undefined ? {} : { config: parts.checkConfig(now.backend, config) }),
    ...(wish.envVars === undefined ? {} : { envVars }),
    ...(wish.metadata === undefined ? {} : { metadata: merged("metadata") }),
  };
  return Object.fromEntries(Object.entries(wanted).filter(([field, value]) => !isDeepStrictEqual(value, now[field as keyof Environment])));
}
