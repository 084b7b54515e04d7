import { z } from "zod";
import type { Db } from "../db/client.ts";
import { getEnvironment } from "../db/environments.ts";
import { listLeaseEvents, listLeases } from "../db/lease-list.ts";
import { getLease, type Lease as LeaseRow } from "../db/leases.ts";
import { leaseStates } from "../domain/lease.ts";
import { leaseRequest } from "../domain/request.ts";
import { letLeaseGo } from "../leases/let-go.ts";
import { renewAdHocLease } from "../leases/renew.ts";
import { requestAdHocLease } from "../leases/request-ad-hoc.ts";
import { type Lease, lease as leaseSchema, leaseSummary } from "../wire/lease.ts";
import { pageOf as pageSchema } from "../wire/page.ts";
import { flag, idInQuery, idPageQuery, pageOf } from "./input.ts";
import type { ApiParts } from "./parts.ts";
import { presentLease, presentLeaseEvent } from "./present.ts";
import { idOf, json, type Route, route } from "./route.ts";
import { waitingForLease } from "./waiting.ts";

const tag = "Leases";
const one = { id: idOf("lease") };

const listQuery = {
  ...idPageQuery,
  state: z.enum(leaseStates, `must be one of ${leaseStates.join(", ")}`).optional(),
  environment: z.string().max(1000).optional().meta({ description: "Name or id" }),
  run: idInQuery("a run").optional(),
  open: flag.optional(),
};

/** A lease with all there is to say about it. */
export const wholeLease = async (db: Db, lease: LeaseRow): Promise<Lease> => {
  const [waiting, events] = await Promise.all([waitingForLease(db, lease), listLeaseEvents(db, lease.id)]);
  return { ...presentLease(lease), waiting, events: events.map(presentLeaseEvent) };
};

export function leaseRoutes(parts: ApiParts): Route[] {
  const { db } = parts;

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
        return c.json(await wholeLease(db, lease), fresh ? 201 : 200, { location: `/v1/leases/${lease.id}` });
      },
    ),
    route(
      {
        method: "GET",
        path: "/v1/leases",
        tag,
        summary: "List leases, newest first",
        who: "company",
        query: listQuery,
        answers: { 200: json(pageSchema(leaseSummary), "A page of leases") },
        problems: [404],
      },
      async ({ c, companyId, query: { limit, cursor, environment, run, ...filters } }) => {
        const environmentId = environment === undefined ? undefined : (await getEnvironment(db, companyId, environment)).id;
        const rows = await listLeases(db, companyId, { ...filters, limit: limit + 1, before: cursor, environmentId, runId: run });
        return c.json(pageOf(rows, limit, (row) => row.id, presentLease));
      },
    ),
    route(
      { method: "GET", path: "/v1/leases/:id", tag, summary: "Show a lease with its events", who: "company", params: one, answers: { 200: json(leaseSchema, "The lease") } },
      async ({ c, companyId, params: { id } }) => c.json(await wholeLease(db, await getLease(db, companyId, id))),
    ),
    route(
      { method: "POST", path: "/v1/leases/:id/renew", tag, summary: "Keep an ad-hoc lease for two more minutes", who: "company", params: one, answers: { 200: json(leaseSchema, "The lease; `expiresAt` says what was granted") }, problems: [409] },
      async ({ c, companyId, params: { id } }) => c.json(await wholeLease(db, await renewAdHocLease(db, companyId, id))),
    ),
    route(
      { method: "POST", path: "/v1/leases/:id/release", tag, summary: "Give a lease back", description: "Commands in it end. Answers at once; the resource goes soon after.", who: "company", params: one, answers: { 200: json(leaseSchema, "The lease as it is now") }, problems: [409] },
      async ({ c, companyId, params: { id } }) => {
        await letLeaseGo(parts, companyId, id);
        return c.json(await wholeLease(db, await getLease(db, companyId, id)));
      },
    ),
  ];
}
