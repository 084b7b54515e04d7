import type { Hono } from "hono";
import { z } from "zod";
import type { Activity } from "../client/wire.ts";
import { actions, type ActivityRow, listActivity } from "../db/activity.ts";
import { idOf, idPageQuery, pageOf, readQuery } from "./input.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";

const query = {
  ...idPageQuery,
  action: z.enum(actions, `must be one of ${actions.join(", ")}`).optional(),
  entity: idOf("what it is about").optional(),
  run: idOf("a run").optional(),
};

/** What happened in the caller's company, newest first. */
export function activityRoutes(api: Hono<ApiEnv>, { db }: ApiParts): void {
  api.get("/v1/activity", async (c) => {
    const { limit, cursor, ...filters } = readQuery(c, query);
    const rows = await listActivity(db, c.var.identity.companyId, { ...filters, limit: limit + 1, before: cursor });
    return c.json(pageOf(rows, limit, (row) => row.id, present));
  });
}

const present = (row: ActivityRow): Activity => ({
  id: row.id,
  at: row.at.toISOString(),
  action: row.action,
  entityType: row.entityType,
  entityId: row.entityId,
  runId: row.runId,
  details: row.details,
});
