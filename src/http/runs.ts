import { randomUUID } from "node:crypto";
import { z } from "zod";
import { getEnvironment } from "../db/environments.ts";
import { listLeaseEvents } from "../db/lease-list.ts";
import { listRuns } from "../db/run-list.ts";
import { getSituation } from "../db/runs.ts";
import { runResults } from "../domain/outcome.ts";
import { runRequest } from "../domain/request.ts";
import { submitRun } from "../runs/accept.ts";
import { cancelRun } from "../runs/cancel.ts";
import { retryRun } from "../runs/retry.ts";
import { pageOf as pageSchema } from "../wire/page.ts";
import { type Run, run as runSchema, runSummary } from "../wire/run.ts";
import { flag, idPageQuery, momentInQuery, pageOf } from "./input.ts";
import type { ApiParts } from "./parts.ts";
import { presentRun } from "./present.ts";
import { idOf, json, type Route, route } from "./route.ts";
import { timelineOf } from "./timeline.ts";
import { waitingOf } from "./waiting.ts";

const tag = "Runs";
const one = { id: idOf("run") };
const accepted = { 201: json(runSchema, "It is accepted"), 200: json(runSchema, "It was accepted before, with this key") };

const producerId = z.string().min(1).max(200).refine((text) => !text.includes("\0"), "contains a NUL character, which no id has").optional();
const listQuery = {
  ...idPageQuery,
  open: flag.optional(),
  result: z.enum(runResults, `must be one of ${runResults.join(", ")}`).optional(),
  environment: z.string().max(1000).optional().meta({ description: "Name or id" }),
  producerRunId: producerId,
  producerIssueId: producerId,
  producerAgentId: producerId,
  producerWorkspaceId: producerId,
  since: momentInQuery.optional(),
  until: momentInQuery.optional(),
};

export function runRoutes(parts: ApiParts): Route[] {
  const { db } = parts;

  const wholeRun = async (companyId: string, id: string): Promise<Run> => {
    const situation = await getSituation(db, companyId, id);
    const [events, waiting] = await Promise.all([situation.lease === null ? [] : listLeaseEvents(db, situation.lease.id), waitingOf(db, situation)]);
    return { ...presentRun(situation), waiting, timeline: timelineOf(situation, events) };
  };

  return [
    // Who sends no key gets one: too late to repeat this request, in time to see what it was.
    route(
      {
        method: "POST",
        path: "/v1/runs",
        tag,
        summary: "Ask for a run",
        description: "A repeated key with the same request gives the same run, with 200; with another request it is refused. The answer's `Idempotency-Key` says which key it was.",
        who: "company",
        headers: ["idempotency-key"],
        body: { schema: runRequest, checked: false },
        answers: accepted,
        problems: [404, 409],
      },
      async ({ c, companyId, body }) => {
        const key = c.req.header("idempotency-key") ?? randomUUID();
        const { run, fresh } = await submitRun(parts, companyId, key, body);
        return c.json(await wholeRun(companyId, run.id), fresh ? 201 : 200, { location: `/v1/runs/${run.id}`, "idempotency-key": key });
      },
    ),
    route(
      { method: "GET", path: "/v1/runs", tag, summary: "List runs, newest first", who: "company", query: listQuery, answers: { 200: json(pageSchema(runSummary), "A page of runs") }, problems: [404] },
      async ({ c, companyId, query: { limit, cursor, environment, ...filters } }) => {
        const environmentId = environment === undefined ? undefined : (await getEnvironment(db, companyId, environment)).id;
        const rows = await listRuns(db, companyId, { ...filters, limit: limit + 1, before: cursor, environmentId });
        return c.json(pageOf(rows, limit, ({ run }) => run.id, presentRun));
      },
    ),
    route(
      { method: "GET", path: "/v1/runs/:id", tag, summary: "Show a run with its timeline", who: "company", params: one, answers: { 200: json(runSchema, "The run") } },
      async ({ c, companyId, params: { id } }) => c.json(await wholeRun(companyId, id)),
    ),
    route(
      { method: "POST", path: "/v1/runs/:id/cancel", tag, summary: "Ask for a run's end", description: "Answers at once; the run ends soon after. Asking again changes nothing.", who: "company", params: one, answers: { 200: json(runSchema, "The run as it is now") } },
      async ({ c, companyId, params: { id } }) => {
        await cancelRun(parts, companyId, id);
        return c.json(await wholeRun(companyId, id));
      },
    ),
    route(
      {
        method: "POST",
        path: "/v1/runs/:id/retry",
        tag,
        summary: "Ask for what an ended run asked for once more",
        description: "A run of its own, with a key of its own; `retryOf` says whose request it repeats.",
        who: "company",
        params: one,
        headers: ["idempotency-key"],
        answers: accepted,
        problems: [409],
      },
      async ({ c, companyId, params: { id } }) => {
        const key = c.req.header("idempotency-key") ?? randomUUID();
        const { run, fresh } = await retryRun(parts, companyId, id, key);
        return c.json(await wholeRun(companyId, run.id), fresh ? 201 : 200, { location: `/v1/runs/${run.id}`, "idempotency-key": key });
      },
    ),
  ];
}
