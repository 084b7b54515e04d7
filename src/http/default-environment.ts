import type { Hono } from "hono";
import { z } from "zod";
import type { DefaultEnvironment } from "../client/wire.ts";
import { getCompany, setDefaultEnvironment } from "../db/companies.ts";
import { findEnvironment, getEnvironment } from "../db/environments.ts";
import { invalid } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { readJson, readQuery } from "./input.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { presentEnvironment } from "./present.ts";

const wish = z.strictObject({
  /** Id or name; null for none, so that runs that name no environment get the company's local one. */
  environment: z.string().nullable(),
});

/** The environment of runs that name none. */
export function defaultEnvironmentRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { db } = parts;

  const present = async (companyId: string): Promise<DefaultEnvironment> => {
    const { defaultEnvironmentId: id } = await getCompany(db, companyId);
    const row = id === null ? undefined : await findEnvironment(db, companyId, id);
    return { environment: row === undefined ? null : presentEnvironment(row, id) };
  };

  api.get("/v1/default-environment", async (c) => {
    readQuery(c, {});
    return c.json(await present(c.var.identity.companyId));
  });

  api.put("/v1/default-environment", async (c) => {
    readQuery(c, {});
    const { companyId } = c.var.identity;
    const wanted = parse(wish, await readJson(c), "default").environment;
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
  });
}
