import { isDeepStrictEqual } from "node:util";
import type { Context, Hono } from "hono";
import type { EnvironmentWithUse } from "../client/wire.ts";
import { getCompany } from "../db/companies.ts";
import { changeEnvironment, countOpenLeases, deleteEnvironment, type EnvironmentChange } from "../db/environment-changes.ts";
import { type Environment, getEnvironment } from "../db/environments.ts";
import { invalid } from "../domain/errors.ts";
import { mergePatch } from "../domain/merge-patch.ts";
import { parse } from "../domain/parse.ts";
import { changeEnvironmentStatus } from "../leases/archive-environment.ts";
import { backendFor, environmentChange, environmentRequest } from "./environment-request.ts";
import { readJson, readNothing, readQuery } from "./input.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { presentEnvironment } from "./present.ts";

/** Changing, archiving and deleting an environment that is there. */
export function environmentChangeRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { db } = parts;

  const note = (environment: Environment, action: "updated" | "archived" | "unarchived" | "deleted", details: Record<string, unknown>): Promise<void> =>
    noteActivity(parts, {
      companyId: environment.companyId,
      action: `environment.${action}`,
      entityType: "environment",
      entityId: environment.id,
      details: { name: environment.name, driver: environment.driver, backend: environment.backend, ...details },
    });

  api.patch("/v1/environments/:id", async (c) => {
    readQuery(c, {});
    const wanted = parse(environmentChange, await readJson(c), "environment");
    const { companyId } = c.var.identity;
    const { id } = await getEnvironment(db, companyId, c.req.param("id"));
    const { before, after } = await changeEnvironment(db, companyId, id, (now) => changed(parts, now, wanted));
    const fields = fieldsOf(before).filter((field) => !isDeepStrictEqual(before[field], after[field]));
    if (fields.length > 0) await note(after, "updated", { changed: fields, ...(before.name === after.name ? {} : { before: before.name }) });
    // Who waits for a slot there may have got one.
    if (fields.includes("maxLeases")) await parts.bells.step({ verb: "acquire", backend: after.backend, host: null, cause: `slots-${after.id}-${after.updatedAt.getTime()}` });
    return c.json(presentEnvironment(after, (await getCompany(db, companyId)).defaultEnvironmentId));
  });

  const setStatus = async (c: Context<ApiEnv, "/:id">, status: Environment["status"]): Promise<Response> => {
    readQuery(c, {});
    await readNothing(c);
    const { companyId } = c.var.identity;
    const found = await getEnvironment(db, companyId, c.req.param("id"));
    const { environment, changed } = await changeEnvironmentStatus(parts, found, status);
    const openLeases = await countOpenLeases(db, environment);
    if (changed) await note(environment, status === "archived" ? "archived" : "unarchived", { openLeases });
    const answer: EnvironmentWithUse = { ...presentEnvironment(environment, (await getCompany(db, companyId)).defaultEnvironmentId), openLeases };
    return c.json(answer);
  };
  api.post("/v1/environments/:id/archive", (c) => setStatus(c, "archived"));
  api.post("/v1/environments/:id/unarchive", (c) => setStatus(c, "active"));

  api.delete("/v1/environments/:id", async (c) => {
    readQuery(c, {});
    await readNothing(c);
    const { companyId } = c.var.identity;
    const { id } = await getEnvironment(db, companyId, c.req.param("id"));
    const gone = await deleteEnvironment(db, companyId, id);
    await note(gone, "deleted", {});
    return c.json(presentEnvironment(gone, null));
  });
}

type Wish = ReturnType<typeof parse<typeof environmentChange>>;

const fieldsOf = (row: Environment) => (Object.keys(row) as (keyof Environment)[]).filter((field) => field !== "updatedAt");

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
