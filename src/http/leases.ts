import type { Hono } from "hono";
import { z } from "zod";
import type { Lease } from "../client/wire.ts";
import { getLease, listLeaseEvents, listLeases } from "../db/leases.ts";
import { leaseStates } from "../domain/lease.ts";
import { letLeaseGo } from "../leases/let-go.ts";
import { idPageQuery, pageOf, pathId, readNothing, readQuery } from "./input.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { presentLease, presentLeaseEvent } from "./present.ts";

export function leaseRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { db } = parts;

  const wholeLease = async (companyId: string, id: string): Promise<Lease> => {
    const lease = await getLease(db, companyId, id);
    return { ...presentLease(lease), events: (await listLeaseEvents(db, id)).map(presentLeaseEvent) };
  };

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
    return c.json(await wholeLease(c.var.identity.companyId, id));
  });

  api.post("/v1/leases/:id/release", async (c) => {
    const id = pathId(c, "lease");
    readQuery(c, {});
    await readNothing(c);
    const { companyId } = c.var.identity;
    await letLeaseGo(parts, companyId, id);
    return c.json(await wholeLease(companyId, id));
  });
}
