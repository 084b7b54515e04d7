import type { Hono } from "hono";
import { z } from "zod";
import type { Lease } from "../client/wire.ts";
import type { Db } from "../db/client.ts";
import { getEnvironment } from "../db/environments.ts";
import { getLease, type Lease as LeaseRow, listLeaseEvents, listLeases } from "../db/leases.ts";
import { leaseStates } from "../domain/lease.ts";
import { letLeaseGo } from "../leases/let-go.ts";
import { renewAdHocLease } from "../leases/renew.ts";
import { requestAdHocLease } from "../leases/request-ad-hoc.ts";
import { flag, idOf, idPageQuery, pageOf, pathId, readJson, readNothing, readQuery } from "./input.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { presentLease, presentLeaseEvent } from "./present.ts";
import { waitingForLease } from "./waiting.ts";

const listQuery = {
  ...idPageQuery,
  state: z.enum(leaseStates, `must be one of ${leaseStates.join(", ")}`).optional(),
  /** Name or id. */
  environment: z.string().max(1000).optional(),
  run: idOf("a run").optional(),
  open: flag.optional(),
};

/** A lease with all there is to say about it. */
export const wholeLease = async (db: Db, lease: LeaseRow): Promise<Lease> => ({
  ...presentLease(lease),
  waiting: await waitingForLease(db, lease),
  events: (await listLeaseEvents(db, lease.id)).map(presentLeaseEvent),
});

export function leaseRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { db } = parts;

  api.post("/v1/leases", async (c) => {
    readQuery(c, {});
    const { lease, fresh } = await requestAdHocLease(parts, c.var.identity.companyId, c.req.header("idempotency-key"), await readJson(c));
    return c.json(await wholeLease(db, lease), fresh ? 201 : 200, { location: `/v1/leases/${lease.id}` });
  });

  api.get("/v1/leases", async (c) => {
    const { limit, cursor, environment, run, ...filters } = readQuery(c, listQuery);
    const { companyId } = c.var.identity;
    const environmentId = environment === undefined ? undefined : (await getEnvironment(db, companyId, environment)).id;
    const rows = await listLeases(db, companyId, { ...filters, limit: limit + 1, before: cursor, environmentId, runId: run });
    return c.json(pageOf(rows, limit, (row) => row.id, presentLease));
  });

  api.get("/v1/leases/:id", async (c) => {
    const id = pathId(c, "lease");
    readQuery(c, {});
    return c.json(await wholeLease(db, await getLease(db, c.var.identity.companyId, id)));
  });

  api.post("/v1/leases/:id/renew", async (c) => {
    const id = pathId(c, "lease");
    readQuery(c, {});
    await readNothing(c);
    return c.json(await wholeLease(db, await renewAdHocLease(db, c.var.identity.companyId, id)));
  });

  api.post("/v1/leases/:id/release", async (c) => {
    const id = pathId(c, "lease");
    readQuery(c, {});
    await readNothing(c);
    const { companyId } = c.var.identity;
    await letLeaseGo(parts, companyId, id);
    return c.json(await wholeLease(db, await getLease(db, companyId, id)));
  });
}
