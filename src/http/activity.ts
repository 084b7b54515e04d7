import { z } from "zod";
import { actions, type ActivityRow, listActivity } from "../db/activity.ts";
import { type Activity, activity } from "../wire/activity.ts";
import { pageOf as pageSchema } from "../wire/page.ts";
import { idInQuery, idPageQuery, pageOf } from "./input.ts";
import type { ApiParts } from "./parts.ts";
import { json, type Route, route } from "./route.ts";

const query = {
  ...idPageQuery,
  action: z.enum(actions, `must be one of ${actions.join(", ")}`).optional(),
  entity: idInQuery("what it is about").optional(),
  run: idInQuery("a run").optional(),
};

/** What happened in the caller's company, newest first. */
export const activityRoutes = ({ db }: ApiParts): Route[] => [
  route(
    { method: "GET", path: "/v1/activity", tag: "Activity", summary: "List what happened in the company, newest first", who: "company", query, answers: { 200: json(pageSchema(activity), "A page of what happened") } },
    async ({ c, companyId, query: { limit, cursor, ...filters } }) => {
      const rows = await listActivity(db, companyId, { ...filters, limit: limit + 1, before: cursor });
      return c.json(pageOf(rows, limit, (row) => row.id, present));
    },
  ),
];

const present = (row: ActivityRow): Activity => ({
  id: row.id,
  at: row.at.toISOString(),
  action: row.action,
  entityType: row.entityType,
  entityId: row.entityId,
  runId: row.runId,
  details: row.details,
});
