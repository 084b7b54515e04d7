import { newId } from "../domain/ids.ts";
import type { Db } from "./client.ts";
import { activityLog } from "./schema.ts";

/** What a company sees of what happened to its environments and leases. */
export interface Activity {
  readonly companyId: string;
  readonly action:
    | "environment.created"
    | "company.limit_changed"
    | "environment.probed"
    | "environment.probed_unsaved"
    | "environment.default_changed"
    | "secret.created"
    | "secret.rotated"
    | "secret.disabled"
    | "secret.enabled"
    | "secret.deleted"
    | "environment.lease_acquired"
    | "environment.lease_released";
  /** `company` for what is about no environment that is there. */
  readonly entityType: "company" | "environment" | "environment_lease" | "secret";
  readonly entityId: string;
  readonly runId?: string | null;
  readonly details: Record<string, unknown>;
}

export async function insertActivity(db: Db, activity: Activity): Promise<void> {
  await db.insert(activityLog).values({ id: newId(), ...activity, runId: activity.runId ?? null });
}
