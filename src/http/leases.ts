import { z } from "zod";
import { getLease, type Lease as LeaseRow, listLeaseEvents, listLeases } from "../db/leases.ts";
import { leaseStates } from "../domain/lease.ts";
import { leaseRequest } from "../domain/request.ts";
import { letLeaseGo } from "../leases/let-go.ts";
import { renewAdHocLease } from "../leases/renew.ts";
import { requestAdHocLease } from "../leases/request-ad-hoc.ts";
import { type Lease, lease as leaseSchema, leaseSummary } from "../wire/lease.ts";
import { pageOf as pageSchema } from "../wire/page.ts";
import { idPageQuery, pageOf } from "./input.ts";
import type { ApiParts } from "./parts.ts";
import { presentLease, presentLeaseEvent } from "./present.ts";
import { idOf, json, type Route, route } from "./route.ts";
import { waitingForLease } from "./waiting.ts";

const tag = "Leases";
const one = { id: idOf("lease") };

export function leaseRoutes(parts: ApiParts): Route[] {
  const { db } = parts;

  const wholeLease = async (lease: LeaseRow): Promise<Lease> => ({
    ...presentLease(lease),
    waiting: await waitingForLease(db, lease),
    events: (await listLeaseEvents(db, lease.id)).map(presentLeaseEvent),
  });

  return [
    route(
      {
        method: "POST",
        path: "/v1/leases",
        tag,
        summary: "Ask for an ad-hoc lease",
        description: "Its holder renews it every 30 seconds or so, once it is active, and has commands run in it.",
        who: "company",
        headers: ["idempotency-key"],
        body: { schema: leaseRequest, checked: false },
        answers: { 201: json(leaseSchema, "It is asked for"), 200: json(leaseSchema, "It was asked for before, with this key") },
        problems: [404, 409],
      },
      async ({ c, companyId, body }) => {
        const { lease, fresh } = await requestAdHocLease(parts, companyId, c.req.header("idempotency-key"), body);
        return c.json(await wholeLease(lease), fresh ? 201 : 200, { location: `/v1/leases/${lease.id}` });
      },
    ),
    route(
      {
        method: "GET",
        path: "/v1/leases",
        tag,
        summary: "List leases, newest first",
        who: "company",
        query: { ...idPageQuery, state: z.enum(leaseStates, `must be one of ${leaseStates.join(", ")}`).optional() },
        answers: { 200: json(pageSchema(leaseSummary), "A page of leases") },
      },
      async ({ c, companyId, query: { limit, cursor, state } }) => {
        const rows = await listLeases(db, companyId, { limit: limit + 1, ...(cursor === undefined ? {} : { before: cursor }), ...(state === undefined ? {} : { state }) });
        return c.json(pageOf(rows, limit, (row) => row.id, presentLease));
      },
    ),
    route(
      { method: "GET", path: "/v1/leases/:id", tag, summary: "Show a lease with its events", who: "company", params: one, answers: { 200: json(leaseSchema, "The lease") } },
      async ({ c, companyId, params: { id } }) => c.json(await wholeLease(await getLease(db, companyId, id))),
    ),
    route(
      { method: "POST", path: "/v1/leases/:id/renew", tag, summary: "Keep an ad-hoc lease for two more minutes", who: "company", params: one, answers: { 200: json(leaseSchema, "The lease; `expiresAt` says what was granted") }, problems: [409] },
      async ({ c, companyId, params: { id } }) => c.json(await wholeLease(await renewAdHocLease(db, companyId, id))),
    ),
    route(
      { method: "POST", path: "/v1/leases/:id/release", tag, summary: "Give a lease back", description: "Commands in it end. Answers at once; the resource goes soon after.", who: "company", params: one, answers: { 200: json(leaseSchema, "The lease as it is now") }, problems: [409] },
      async ({ c, companyId, params: { id } }) => {
        await letLeaseGo(parts, companyId, id);
        return c.json(await wholeLease(await getLease(db, companyId, id)));
      },
    ),
  ];
}
