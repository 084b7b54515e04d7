import type { Hono } from "hono";
import { z } from "zod";
import { getCompany } from "../db/companies.ts";
import { environmentStatuses, getEnvironment, insertEnvironment, listEnvironments } from "../db/environments.ts";
import { driverKinds } from "../domain/driver-kind.ts";
import { parse } from "../domain/parse.ts";
import { backendFor, environmentRequest } from "./environment-request.ts";
import { pageOf, pageQuery, readJson, readQuery } from "./input.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { presentEnvironment } from "./present.ts";

const listQuery = {
  ...pageQuery,
  driver: z.enum(driverKinds, `must be one of ${driverKinds.join(", ")}`).optional(),
  status: z.enum(environmentStatuses, `must be one of ${environmentStatuses.join(", ")}`).optional(),
};

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
    await noteActivity(parts, {
      companyId: made.companyId,
      action: "environment.created",
      entityType: "environment",
      entityId: made.id,
      details: { name: made.name, driver: made.driver, backend: made.backend },
    });
    return c.json(presentEnvironment(made, null), 201, { location: `/v1/environments/${made.id}` });
  });

  api.get("/v1/environments", async (c) => {
    const { limit, cursor, driver, status } = readQuery(c, listQuery);
    const { companyId } = c.var.identity;
    const rows = await listEnvironments(db, companyId, { limit: limit + 1, after: cursor, driver, status });
    const { defaultEnvironmentId } = await getCompany(db, companyId);
    return c.json(pageOf(rows, limit, (row) => row.name, (row) => presentEnvironment(row, defaultEnvironmentId)));
  });

  api.get("/v1/environments/:id", async (c) => {
    readQuery(c, {});
    const { companyId } = c.var.identity;
    const found = await getEnvironment(db, companyId, c.req.param("id"));
    return c.json(presentEnvironment(found, (await getCompany(db, companyId)).defaultEnvironmentId));
  });
}
