import { z } from "zod";
import type { Lease as LeaseRow } from "../db/leases.ts";
import { forgetLease } from "../leases/forget.ts";
import { retryStuckLease } from "../leases/retry-stuck.ts";
import { lease as leaseSchema } from "../wire/lease.ts";
import { wholeLease } from "./leases.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiParts } from "./parts.ts";
import { idOf, json, type Route, route } from "./route.ts";

const wish = z.strictObject({
  /** Why, for whoever meets the resource later. */
  reason: z.string().trim().min(1, "says nothing; write down what became of the resource").max(1000).refine((text) => !text.includes("\0"), "contains a NUL character; remove it"),
});

const tag = "Leases";
const params = { id: idOf("lease") };
const answers = { 200: json(leaseSchema, "The lease as it is now") };

/** What can be done about leases whose resource could not be given back. For operators. */
export function leaseMendingRoutes(parts: ApiParts): Route[] {
  const note = (lease: LeaseRow, action: "environment.lease_retried" | "environment.lease_forgotten", details: Record<string, unknown>): Promise<void> =>
    noteActivity(parts, {
      companyId: lease.companyId,
      action,
      entityType: "environment_lease",
      entityId: lease.id,
      runId: lease.runId,
      details: { environmentId: lease.environmentId, backend: lease.backend, resourceKey: lease.resourceKey, ...details },
    });

  return [
    route(
      { method: "POST", path: "/v1/leases/:id/retry", tag, summary: "Try the release of a stuck lease at once", who: { operators: "trying stuck leases again is" }, params, answers, problems: [409] },
      async ({ c, companyId, identity: { tokenId }, params: { id } }) => {
        const { lease, moved } = await retryStuckLease(parts, companyId, id, `token ${tokenId}`);
        if (moved) await note(lease, "environment.lease_retried", { by: tokenId });
        return c.json(await wholeLease(parts.db, lease));
      },
    ),
    route(
      {
        method: "POST",
        path: "/v1/leases/:id/forget",
        tag,
        summary: "Give a stuck lease up for good",
        description: "Whoever writes the reason has taken its resource on; reconcile reports it and leaves it alone.",
        who: { operators: "giving leases up is" },
        params,
        body: { schema: wish, root: "forget" },
        answers,
        problems: [409],
      },
      async ({ c, companyId, identity: { tokenId }, params: { id }, body: { reason } }) => {
        const { lease, moved } = await forgetLease(parts, companyId, id, `token ${tokenId}`, reason);
        if (moved) await note(lease, "environment.lease_forgotten", { reason, by: tokenId, status: lease.state, failureReason: lease.failureReason });
        return c.json(await wholeLease(parts.db, lease));
      },
    ),
  ];
}
