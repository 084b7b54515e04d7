import { z } from "zod";
import { getCompany } from "../db/companies.ts";
import { environmentStatuses, getEnvironment, listEnvironments } from "../db/environments.ts";
import { driverKinds } from "../domain/driver-kind.ts";
import { createEnvironment } from "../secrets/keep-environment.ts";
import { environment as environmentSchema } from "../wire/environment.ts";
import { pageOf as pageSchema } from "../wire/page.ts";
import { backendFor, environmentRequest } from "./environment-request.ts";
import { pageOf, pageQuery } from "./input.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiParts } from "./parts.ts";
import { presentEnvironment } from "./present.ts";
import { json, nameOf, type Route, route } from "./route.ts";

const tag = "Environments";
const listQuery = {
  ...pageQuery,
  driver: z.enum(driverKinds, `must be one of ${driverKinds.join(", ")}`).optional(),
  status: z.enum(environmentStatuses, `must be one of ${environmentStatuses.join(", ")}`).optional(),
};

export function environmentRoutes(parts: ApiParts): Route[] {
  const { db } = parts;
  return [
    route(
      { method: "POST", path: "/v1/environments", tag, summary: "Make an environment", who: "company", body: { schema: environmentRequest, root: "environment" }, answers: { 201: json(environmentSchema, "It is there") }, problems: [404, 409, 502] },
      async ({ c, companyId, body: wanted }) => {
        const backend = backendFor(wanted);
        const config = parts.checkConfig(backend, wanted.config);
        const row = { name: wanted.name, description: wanted.description ?? null, driver: wanted.driver, backend, config, envVars: wanted.envVars, maxLeases: wanted.maxLeases ?? null, metadata: wanted.metadata };
        const made = await createEnvironment(parts.secrets, companyId, row, parts.secretFields(backend, config));
        await noteActivity(parts, {
          companyId: made.companyId,
          action: "environment.created",
          entityType: "environment",
          entityId: made.id,
          details: { name: made.name, driver: made.driver, backend: made.backend },
        });
        return c.json(presentEnvironment(made, null), 201, { location: `/v1/environments/${made.id}` });
      },
    ),
    route(
      { method: "GET", path: "/v1/environments", tag, summary: "List environments, by name", who: "company", query: listQuery, answers: { 200: json(pageSchema(environmentSchema), "A page of environments") } },
      async ({ c, companyId, query: { limit, cursor, driver, status } }) => {
        const rows = await listEnvironments(db, companyId, { limit: limit + 1, after: cursor, driver, status });
        const { defaultEnvironmentId } = await getCompany(db, companyId);
        return c.json(pageOf(rows, limit, (row) => row.name, (row) => presentEnvironment(row, defaultEnvironmentId)));
      },
    ),
    route(
      { method: "GET", path: "/v1/environments/:id", tag, summary: "Show an environment", who: "company", params: { id: nameOf("Id or name of the environment") }, answers: { 200: json(environmentSchema, "The environment") } },
      async ({ c, companyId, params: { id } }) => {
        const found = await getEnvironment(db, companyId, id);
        return c.json(presentEnvironment(found, (await getCompany(db, companyId)).defaultEnvironmentId));
      },
    ),
  ];
}
