import { z } from "zod";
import type { Immutable } from "./immutable.ts";

/** What something that has not begun may wait for. */
export const waitingCodes = ["no_worker", "draining", "worker", "slot", "company_limit", "provider", "acquiring", "workspace", "starting"] as const;

/** Why a run or an execution has not started, or a lease has no place yet, in a form for programs and in one for people. */
export const waiting = z
  .object({
    code: z.enum(waitingCodes),
    reason: z.string(),
    ahead: z.int().optional().meta({ description: "Leases that come before its own for the same environment, where that is what it waits for" }),
  })
  .meta({ id: "Waiting", description: "Why something has not started, or has no place yet" });
export type Waiting = Immutable<z.output<typeof waiting>>;
