import { z } from "zod";
import { findingKinds } from "../domain/reconcile.ts";
import type { Immutable } from "./immutable.ts";
import { iso } from "./time.ts";

const findingKind = z.enum(findingKinds);

export const reconcileFinding = z
  .object({ key: z.string(), providerLeaseId: z.string().nullable(), kind: findingKind, firstSeenAt: iso, ripe: z.boolean().meta({ description: "Whether its grace is over" }) })
  .meta({ id: "ReconcileFinding" });
export type ReconcileFinding = Immutable<z.output<typeof reconcileFinding>>;

export const reconcileEndpoint = z
  .object({
    endpoint: z.string(),
    backend: z.string(),
    host: z.uuid().nullable().meta({ description: "The machine that alone can list it; null where any worker can" }),
    hostName: z.string().nullable(),
    dueAt: iso,
    listedAt: iso.nullable().meta({ description: "When the last listing that came to its end began; what follows is from it" }),
    listed: z.int().nullable(),
    orphans: z.int().nullable().meta({ description: "Resources without a lease that it began to give back" }),
    vanished: z.int().nullable().meta({ description: "Leases it ended because their resource was gone" }),
    duplicates: z.int().nullable().meta({ description: "Second resources of a key that it removed" }),
    deferred: z.int().nullable().meta({ description: "What the cap left for the next time" }),
    failure: z.string().nullable().meta({ description: "Why the last listing failed; null when it did not" }),
    counts: z.record(findingKind, z.int()).meta({ description: "What is there now that no lease explains, by kind" }),
    findings: z.array(reconcileFinding).meta({ description: "The oldest of it, a thousand at most" }),
  })
  .meta({ id: "ReconcileEndpoint", description: "A place whose resources are listed: a provider's account, or a directory of a host" });
export type ReconcileEndpoint = Immutable<z.output<typeof reconcileEndpoint>>;

export const reconcile = z
  .object({
    held: z.object({ since: iso, why: z.string() }).nullable().meta({ description: "Why nothing is done about it in the whole fleet; null while all is well" }),
    database: z.string().nullable().meta({ description: "Which database it is by Postgres's own account: the one first seen, or confirmed" }),
    endpoints: z.array(reconcileEndpoint),
  })
  .meta({ id: "Reconcile", description: "What comparing providers with the fleet's rows found" });
export type Reconcile = Immutable<z.output<typeof reconcile>>;
