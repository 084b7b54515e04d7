import { randomUUID } from "node:crypto";
import type { Hono } from "hono";
import type { Run } from "../client/wire.ts";
import { listLeaseEvents } from "../db/leases.ts";
import { getSituation, listRuns } from "../db/runs.ts";
import { submitRun } from "../runs/accept.ts";
import { cancelRun } from "../runs/cancel.ts";
import { flag, idPageQuery, pageOf, pathId, readJson, readNothing, readQuery } from "./input.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { presentRun } from "./present.ts";
import { timelineOf } from "./timeline.ts";
import { waitingOf } from "./waiting.ts";

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
    const { limit, cursor, open } = readQuery(c, { ...idPageQuery, open: flag.optional() });
    const rows = await listRuns(db, c.var.identity.companyId, {
      limit: limit + 1,
      ...(cursor === undefined ? {} : { before: cursor }),
      ...(open === undefined ? {} : { open }),
    });
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
}
