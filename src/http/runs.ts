import { randomUUID } from "node:crypto";
import type { Hono } from "hono";
import { z } from "zod";
import type { Run } from "../client/wire.ts";
import { getEnvironment } from "../db/environments.ts";
import { listLeaseEvents } from "../db/leases.ts";
import { listRuns } from "../db/run-list.ts";
import { getSituation } from "../db/runs.ts";
import { runResults } from "../domain/outcome.ts";
import { submitRun } from "../runs/accept.ts";
import { cancelRun } from "../runs/cancel.ts";
import { retryRun } from "../runs/retry.ts";
import { flag, idPageQuery, momentInQuery, pageOf, pathId, readJson, readNothing, readQuery } from "./input.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { presentRun } from "./present.ts";
import { timelineOf } from "./timeline.ts";
import { waitingOf } from "./waiting.ts";

const producerId = z.string().min(1).max(200).refine((text) => !text.includes("\0"), "contains a NUL character, which no id has").optional();
const listQuery = {
  ...idPageQuery,
  open: flag.optional(),
  result: z.enum(runResults, `must be one of ${runResults.join(", ")}`).optional(),
  /** Name or id. */
  environment: z.string().max(1000).optional(),
  producerRunId: producerId,
  producerIssueId: producerId,
  producerAgentId: producerId,
  producerWorkspaceId: producerId,
  since: momentInQuery.optional(),
  until: momentInQuery.optional(),
};

export function runRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { db } = parts;

  const wholeRun = async (companyId: string, id: string): Promise<Run> => {
    const situation = await getSituation(db, companyId, id);
    const events = situation.lease === null ? [] : await listLeaseEvents(db, situation.lease.id);
    return { ...presentRun(situation), waiting: await waitingOf(db, situation), timeline: timelineOf(situation, events) };
  };

  // Who sends no key gets one: too late to repeat this request, in time to see what it was.
  api.post("/v1/runs", async (c) => {
    readQuery(c, {});
    const { companyId } = c.var.identity;
    const key = c.req.header("idempotency-key") ?? randomUUID();
    const { run, fresh } = await submitRun(parts, companyId, key, await readJson(c));
    return c.json(await wholeRun(companyId, run.id), fresh ? 201 : 200, { location: `/v1/runs/${run.id}`, "idempotency-key": key });
  });

  api.get("/v1/runs", async (c) => {
    const { limit, cursor, environment, ...filters } = readQuery(c, listQuery);
    const { companyId } = c.var.identity;
    const environmentId = environment === undefined ? undefined : (await getEnvironment(db, companyId, environment)).id;
    const rows = await listRuns(db, companyId, { ...filters, limit: limit + 1, before: cursor, environmentId });
    return c.json(pageOf(rows, limit, ({ run }) => run.id, presentRun));
  });

  api.get("/v1/runs/:id", async (c) => {
    const id = pathId(c, "run");
    readQuery(c, {});
    return c.json(await wholeRun(c.var.identity.companyId, id));
  });

  api.post("/v1/runs/:id/cancel", async (c) => {
    const id = pathId(c, "run");
    readQuery(c, {});
    await readNothing(c);
    const { companyId } = c.var.identity;
    await cancelRun(parts, companyId, id);
    return c.json(await wholeRun(companyId, id));
  });

  api.post("/v1/runs/:id/retry", async (c) => {
    const id = pathId(c, "run");
    readQuery(c, {});
    await readNothing(c);
    const { companyId } = c.var.identity;
    const key = c.req.header("idempotency-key") ?? randomUUID();
    const { run, fresh } = await retryRun(parts, companyId, id, key);
    return c.json(await wholeRun(companyId, run.id), fresh ? 201 : 200, { location: `/v1/runs/${run.id}`, "idempotency-key": key });
  });
}
