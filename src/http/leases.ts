import type { Hono } from "hono";
import { z } from "zod";
import type { Lease } from "../client/wire.ts";
import { getLease, type Lease as LeaseRow, listLeaseEvents, listLeases } from "../db/leases.ts";
import { leaseStates } from "../domain/lease.ts";
import { letLeaseGo } from "../leases/let-go.ts";
import { renewAdHocLease } from "../leases/renew.ts";
import { requestAdHocLease } from "../leases/request-ad-hoc.ts";
import { idPageQuery, pageOf, pathId, readJson, readNothing, readQuery } from "./input.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { presentLease, presentLeaseEvent } from "./present.ts";
import { waitingForLease } from "./waiting.ts";

export function leaseRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { db } = parts;

  const wholeLease = async (lease: LeaseRow): Promise<Lease> => ({
    ...presentLease(lease),
    waiting: await waitingForLease(db, lease),
    events: (await listLeaseEvents(db, lease.id)).map(presentLeaseEvent),
  });

  api.post("/v1/leases", async (c) => {
    readQuery(c, {});
    const { lease, fresh } = await requestAdHocLease(parts, c.var.identity.companyId, c.req.header("idempotency-key"), await readJson(c));
    return c.json(await wholeLease(lease), fresh ? 201 : 200, { location: `/v1/leases/${lease.id}` });
  });

  api.get("/v1/leases", async (c) => {
    const { limit, cursor, state } = readQuery(c, { ...idPageQuery, state: z.enum(leaseStates, `must be one of ${leaseStates.join(", ")}`).optional() });
    const rows = await listLeases(db, c.var.identity.companyId, {
      limit: limit + 1,
      ...(cursor === undefined ? {} : { before: cursor }),
      ...(state === undefined ? {} : { state }),
    });
    return c.json(pageOf(rows, limit, (row) => row.id, presentLease));
  });

  api.get("/v1/leases/:id", async (c) => {
    const id = pathId(c, "lease");
    readQuery(c, {});
    return c.json(await wholeLease(await getLease(db, c.var.identity.companyId, id)));
  });

  api.post("/v1/leases/:id/renew", async (c) => {
    const id = pathId(c, "lease");
    readQuery(c, {});
    await readNothing(c);
    return c.json(await wholeLease(await renewAdHocLease(db, c.var.identity.companyId, id)));
  });

  api.post("/v1/leases/:id/release", async (c) => {
    const id = pathId(c, "lease");
    readQuery(c, {});
    await readNothing(c);
    const { companyId } = c.var.identity;
    await letLeaseGo(parts, companyId, id);
    return c.json(await wholeLease(await getLease(db, companyId, id)));
  });
}
