import type { Hono } from "hono";
import { insertActivity } from "../db/activity.ts";
import { type Environment, getEnvironment, insertEnvironment, listEnvironments } from "../db/environments.ts";
import { parse } from "../domain/parse.ts";
import { backendFor, environmentRequest } from "./environment-request.ts";
import { pageOf, pageQuery, readJson, readQuery } from "./input.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { presentEnvironment } from "./present.ts";

export function environmentRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { db } = parts;

  api.post("/v1/environments", async (c) => {
    readQuery(c, {});
    const wanted = parse(environmentRequest, await readJson(c), "environment");
    const backend = backendFor(wanted);
    const made = await insertEnvironment(db, c.var.identity.companyId, {
      name: wanted.name,
      description: wanted.description ?? null,
      driver: wanted.driver,
      backend,
      config: parts.checkConfig(backend, wanted.config),
      envVars: wanted.envVars,
      maxLeases: wanted.maxLeases ?? null,
      metadata: wanted.metadata,
    });
    await noteCreated(parts, made);
    return c.json(presentEnvironment(made), 201, { location: `/v1/environments/${made.id}` });
  });

  api.get("/v1/environments", async (c) => {
    const { limit, cursor } = readQuery(c, pageQuery);
    const rows = await listEnvironments(db, c.var.identity.companyId, { limit: limit + 1, ...(cursor === undefined ? {} : { after: cursor }) });
    return c.json(pageOf(rows, limit, (row) => row.name, presentEnvironment));
  });

  api.get("/v1/environments/:id", async (c) => {
    readQuery(c, {});
    return c.json(presentEnvironment(await getEnvironment(db, c.var.identity.companyId, c.req.param("id"))));
  });
}

/** Tells the company. Failing to tell fails nothing: it is only logged. */
async function noteCreated({ db, log }: ApiParts, made: Environment): Promise<void> {
  try {
    await insertActivity(db, {
      companyId: made.companyId,
      action: "environment.created",
      entityType: "environment",
      entityId: made.id,
      details: { name: made.name, driver: made.driver, backend: made.backend },
    });
  } catch (err) {
    log.warn({ err, environment: made.id }, "could not note environment.created");
  }
}
