import { z } from "zod";
import type { Immutable } from "./immutable.ts";
import { iso } from "./time.ts";

export const activity = z
  .object({ id: z.uuid(), at: iso, action: z.string(), entityType: z.string(), entityId: z.uuid(), runId: z.uuid().nullable(), details: z.record(z.string(), z.unknown()) })
  .meta({ id: "Activity", description: "Something that happened to a company's environments, leases, tokens or limits" });
export type Activity = Immutable<z.output<typeof activity>>;
