import type { Hono } from "hono";
import { z } from "zod";
import type { Lease as LeaseRow } from "../db/leases.ts";
import { parse } from "../domain/parse.ts";
import { forgetLease } from "../leases/forget.ts";
import { retryStuckLease } from "../leases/retry-stuck.ts";
import { requireOperator } from "./authenticate.ts";
import { pathId, readJson, readNothing, readQuery } from "./input.ts";
import { wholeLease } from "./leases.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";

const wish = z.strictObject({
  /** Why, for whoever meets the resource later. */
  reason: z.string().trim().min(1, "says nothing; write down what became of the resource").max(1000).refine((text) => !text.includes("\0"), "contains a NUL character; remove it"),
});

/** What can be done about leases whose resource could not be given back. For operators. */
export function leaseMendingRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const note = (lease: LeaseRow, action: "environment.lease_retried" | "environment.lease_forgotten", details: Record<string, unknown>): Promise<void> =>
    noteActivity(parts, {
      companyId: lease.companyId,
      action,
      entityType: "environment_lease",
      entityId: lease.id,
      runId: lease.runId,
      details: { environmentId: lease.environmentId, backend: lease.backend, resourceKey: lease.resourceKey, ...details },
    });

  api.post("/v1/leases/:id/retry", async (c) => {
    const id = pathId(c, "lease");
    readQuery(c, {});
    requireOperator(c.var.identity, "trying stuck leases again is");
    await readNothing(c);
    const { companyId, tokenId } = c.var.identity;
    const { lease, moved } = await retryStuckLease(parts, companyId, id, `token ${tokenId}`);
    if (moved) await note(lease, "environment.lease_retried", { by: tokenId });
    return c.json(await wholeLease(parts.db, lease));
  });

  api.post("/v1/leases/:id/forget", async (c) => {
    const id = pathId(c, "lease");
    readQuery(c, {});
    requireOperator(c.var.identity, "giving leases up is");
    const { reason } = parse(wish, await readJson(c), "forget");
    const { companyId, tokenId } = c.var.identity;
    const { lease, moved } = await forgetLease(parts, companyId, id, `token ${tokenId}`, reason);
    if (moved) await note(lease, "environment.lease_forgotten", { reason, by: tokenId, status: lease.state, failureReason: lease.failureReason });
    return c.json(await wholeLease(parts.db, lease));
  });
}
