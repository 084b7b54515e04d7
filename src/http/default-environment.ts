import { z } from "zod";
import { getCompany, setDefaultEnvironment } from "../db/companies.ts";
import { findEnvironment, getEnvironment } from "../db/environments.ts";
import { invalid } from "../domain/errors.ts";
import { type DefaultEnvironment, defaultEnvironment } from "../wire/environment.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiParts } from "./parts.ts";
import { presentEnvironment } from "./present.ts";
import { json, type Route, route } from "./route.ts";

const tag = "Environments";
const path = "/v1/default-environment";

const wish = z.strictObject({
  /** Id or name; null for none, so that runs that name no environment get the company's local one. */
  environment: z.string().nullable(),
});

/** The environment of runs that name none. */
export function defaultEnvironmentRoutes(parts: ApiParts): Route[] {
  const { db } = parts;

  const present = async (companyId: string): Promise<DefaultEnvironment> => {
    const { defaultEnvironmentId: id } = await getCompany(db, companyId);
    const row = id === null ? undefined : await findEnvironment(db, companyId, id);
    return { environment: row === undefined ? null : presentEnvironment(row, id) };
  };

  return [
    route({ method: "GET", path, tag, summary: "Show the environment of runs that name none", who: "company", answers: { 200: json(defaultEnvironment, "The environment, or null") } }, async ({ c, companyId }) => c.json(await present(companyId))),
    route(
      { method: "PUT", path, tag, summary: "Choose the environment of runs that name none", who: "company", body: { schema: wish, root: "default" }, answers: { 200: json(defaultEnvironment, "The environment, or null") }, problems: [404] },
      async ({ c, companyId, body: { environment: wanted } }) => {
        const chosen = wanted === null ? null : await getEnvironment(db, companyId, wanted);
        if (chosen !== null && chosen.status !== "active") {
          throw invalid("environment_inactive", `environment ${chosen.name} is ${chosen.status}; runs could not use it`);
        }
        await setDefaultEnvironment(db, companyId, chosen?.id ?? null);
        await noteActivity(parts, {
          companyId,
          action: "environment.default_changed",
          entityType: "company",
          entityId: companyId,
          details: { environmentId: chosen?.id ?? null, name: chosen?.name ?? null },
        });
        return c.json(await present(companyId));
      },
    ),
  ];
}
