import { newId } from "../domain/ids.ts";
import type { Db } from "./client.ts";
import { activityLog } from "./schema.ts";

/** What a company sees of what happened to its environments and leases. */
export interface Activity {
  readonly companyId: string;
  readonly action: "environment.created" | "environment.lease_acquired" | "environment.lease_released";
  readonly entityType: "environment" | "environment_lease";
  readonly entityId: string;
  readonly runId?: string | null;
  readonly details: Record<string, unknown>;
}

export async function insertActivity(db: Db, activity: Activity): Promise<void> {
  await db.insert(activityLog).values({ id: newId(), ...activity, runId: activity.runId ?? null });
}
