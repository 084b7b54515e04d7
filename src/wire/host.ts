import { z } from "zod";
import type { Immutable } from "./immutable.ts";
import { iso } from "./time.ts";

export const host = z
  .object({
    id: z.uuid(),
    name: z.string(),
    state: z.enum(["alive", "draining", "silent"]).meta({ description: "`silent`: no worker of it was heard for 20 s; `drainingAt` says whether it drains too" }),
    backends: z.array(z.string()).meta({ description: "What its workers serve, or served" }),
    workers: z.int().meta({ description: "Living ones" }),
    openLeases: z.int().meta({ description: "Open leases that are bound to it, of all companies, stuck ones among them" }),
    stuckLeases: z.int(),
    drainingAt: iso.nullable().meta({ description: "Since when it is given no new leases; null while it is" }),
    createdAt: iso,
    seenAt: iso,
  })
  .meta({ id: "Host", description: "A machine that runs workers" });
export type Host = Immutable<z.output<typeof host>>;
