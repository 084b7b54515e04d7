import { type Activity, insertActivity } from "../db/activity.ts";
import type { ApiParts } from "./parts.ts";

/** Tells the company what happened. Failing to tell fails nothing: it is only logged. */
export async function noteActivity({ db, log }: Pick<ApiParts, "db" | "log">, activity: Activity): Promise<void> {
  try {
    await insertActivity(db, activity);
  } catch (err) {
    log.warn({ err, entity: activity.entityId }, `could not note ${activity.action}`);
  }
}
