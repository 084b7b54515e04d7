import { and, desc, eq, type InferSelectModel, lt } from "drizzle-orm";
import { newId } from "../domain/ids.ts";
import type { Db } from "./client.ts";
import { activityLog } from "./schema.ts";

export const actions = [
  "company.created",
  "company.limit_changed",
  "company.token_created",
  "company.token_revoked",
  "environment.created",
  "environment.updated",
  "environment.archived",
  "environment.unarchived",
  "environment.deleted",
  "environment.probed",
  "environment.probed_unsaved",
  "environment.default_changed",
  "secret.created",
  "secret.rotated",
  "secret.disabled",
  "secret.enabled",
  "secret.deleted",
  "environment.lease_acquired",
  "environment.lease_released",
  "environment.lease_retried",
  "environment.lease_forgotten",
] as const;

/** What a company sees of what happened to its environments and leases. */
export interface Activity {
  readonly companyId: string;
  readonly action: (typeof actions)[number];
  /** `company` for what is about no environment that is there. */
  readonly entityType: "company" | "api_token" | "environment" | "environment_lease" | "secret";
  readonly entityId: string;
  readonly runId?: string | null;
  readonly details: Record<string, unknown>;
}

export async function insertActivity(db: Db, activity: Activity): Promise<void> {
  await db.insert(activityLog).values({ id: newId(), ...activity, runId: activity.runId ?? null });
}

export type ActivityRow = InferSelectModel<typeof activityLog>;

export interface ActivityPage {
  readonly limit: number;
  /** Begin before this id. */
  readonly before?: string | undefined;
  readonly action?: Activity["action"] | undefined;
  /** What it is about. */
  readonly entity?: string | undefined;
  readonly run?: string | undefined;
}

/** A page of what happened in a company, newest first. Each filter has an index of its own, in the same order. */
export async function listActivity(db: Db, companyId: string, { limit, before, action, entity, run }: ActivityPage): Promise<ActivityRow[]> {
  return db
    .select()
    .from(activityLog)
    .where(
      and(
        eq(activityLog.companyId, companyId),
        before === undefined ? undefined : lt(activityLog.id, before),
        action === undefined ? undefined : eq(activityLog.action, action),
        entity === undefined ? undefined : eq(activityLog.entityId, entity),
        run === undefined ? undefined : eq(activityLog.runId, run),
      ),
    )
    .orderBy(desc(activityLog.id))
    .limit(limit);
}
