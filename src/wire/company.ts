import { z } from "zod";
import type { Immutable } from "./immutable.ts";
import { iso } from "./time.ts";

export const company = z
  .object({
    id: z.uuid(),
    name: z.string(),
    maxLeases: z.int().nullable().meta({ description: "Leases that may own a resource at once, over all environments; null is unbounded" }),
    usedLeases: z.int(),
    waitingLeases: z.int(),
    createdAt: iso,
  })
  .meta({ id: "Company", description: "What a company may have of the fleet at once, and has" });
export type Company = Immutable<z.output<typeof company>>;

/** What `POST /v1/companies` takes. */
export interface NewCompany {
  readonly name: string;
  /** Without it as many as come. */
  readonly maxLeases?: number;
}
