import { z } from "zod";
import { leaseEndings, leasePolicies, leaseStates } from "../domain/lease.ts";
import type { Immutable } from "./immutable.ts";
import { iso } from "./time.ts";
import { waiting } from "./waiting.ts";

const summary = {
  id: z.uuid(),
  state: z.enum(leaseStates).meta({ id: "LeaseState" }),
  policy: z.enum(leasePolicies),
  backend: z.string(),
  provider: z.string(),
  providerLeaseId: z.string().nullable(),
  environmentId: z.uuid().nullable(),
  runId: z.uuid().nullable().meta({ description: "Null for an ad-hoc lease" }),
  issueId: z.string().nullable(),
  executionWorkspaceId: z.string().nullable(),
  idempotencyKey: z.string().nullable().meta({ description: "What an ad-hoc lease was asked for with" }),
  host: z.uuid().nullable().meta({ description: "Id of the machine the lease is bound to" }),
  priority: z.int().meta({ description: "Among the company's own: higher goes first" }),
  fence: z.int(),
  target: z.object({ transport: z.string(), cwd: z.string(), shell: z.string() }).nullable(),
  ending: z.enum(leaseEndings).nullable(),
  failureReason: z.string().nullable(),
  requestedAt: iso,
  acquiredAt: iso.nullable(),
  expiresAt: iso.nullable(),
  maxExpiresAt: iso,
  endedAt: iso.nullable(),
  releasedAt: iso.nullable(),
};

export const leaseSummary = z.object(summary).meta({ id: "LeaseSummary" });
export type LeaseSummary = Immutable<z.output<typeof leaseSummary>>;

export const leaseEvent = z
  .object({ at: iso, event: z.string(), from: z.string().nullable(), to: z.string(), fence: z.int(), who: z.string(), why: z.string().nullable() })
  .meta({ id: "LeaseEvent" });
export type LeaseEvent = Immutable<z.output<typeof leaseEvent>>;

export const lease = z
  .object({ ...summary, waiting: waiting.nullable().meta({ description: "Null once it has its place, or never will" }), events: z.array(leaseEvent) })
  .meta({ id: "Lease", description: "The right of one holder to one resource until a time" });
export type Lease = Immutable<z.output<typeof lease>>;
