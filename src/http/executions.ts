import type { Hono } from "hono";
import type { Execution } from "../client/wire.ts";
import { getExecution, listExecutions } from "../db/executions.ts";
import { getLease } from "../db/leases.ts";
import { cancelExecution } from "../leases/cancel-execution.ts";
import { requestExecution } from "../leases/request-execution.ts";
import { eventStream, readEventsWish } from "./event-stream.ts";
import { idPageQuery, pageOf, pathId, readJson, readNothing, readQuery } from "./input.ts";
import { outputStream, readOutputWish } from "./output-stream.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { presentExecution } from "./present.ts";
import { waitingToStart } from "./waiting.ts";
import { watchedExecution } from "./watched-execution.ts";

/** Commands by themselves: made in an ad-hoc lease, looked at wherever they are. */
export function executionRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { db } = parts;

  const wholeExecution = async (companyId: string, id: string): Promise<Execution> => {
    const execution = await getExecution(db, companyId, id);
    return { ...presentExecution(execution), waiting: await waitingToStart(db, execution) };
  };

  api.post("/v1/leases/:id/executions", async (c) => {
    const leaseId = pathId(c, "lease");
    readQuery(c, {});
    const { companyId } = c.var.identity;
    const { execution, fresh } = await requestExecution(parts, companyId, leaseId, c.req.header("idempotency-key"), await readJson(c));
    return c.json(await wholeExecution(companyId, execution.id), fresh ? 201 : 200, { location: `/v1/executions/${execution.id}` });
  });

  api.get("/v1/leases/:id/executions", async (c) => {
    const leaseId = pathId(c, "lease");
    const { limit, cursor } = readQuery(c, idPageQuery);
    await getLease(db, c.var.identity.companyId, leaseId);
    const rows = await listExecutions(db, leaseId, { limit: limit + 1, ...(cursor === undefined ? {} : { before: cursor }) });
    return c.json(pageOf(rows, limit, (row) => row.id, presentExecution));
  });

  api.get("/v1/executions/:id", async (c) => {
    const id = pathId(c, "execution");
    readQuery(c, {});
    return c.json(await wholeExecution(c.var.identity.companyId, id));
  });

  api.post("/v1/executions/:id/cancel", async (c) => {
    const id = pathId(c, "execution");
    readQuery(c, {});
    await readNothing(c);
    const { companyId } = c.var.identity;
    await cancelExecution(parts, companyId, id);
    return c.json(await wholeExecution(companyId, id));
  });

  api.get("/v1/executions/:id/output", async (c) => {
    const id = pathId(c, "execution");
    const wish = readOutputWish(c);
    await getExecution(db, c.var.identity.companyId, id);
    return outputStream(c, parts, wish, async () => id);
  });

  api.get("/v1/executions/:id/events", async (c) => {
    const id = pathId(c, "execution");
    const wish = readEventsWish(c);
    await getExecution(db, c.var.identity.companyId, id);
    return eventStream(c, parts, watchedExecution(db, id), wish);
  });
}
