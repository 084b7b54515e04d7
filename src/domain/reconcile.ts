import type { LeaseState } from "./lease.ts";

/** What follows from a listing of a provider and the rows that were read after it. Pure; `src/leases/reconcile.ts` carries it out. */

export const findingKinds = ["orphan", "duplicate", "unknown_company", "forgotten"] as const;
/**
 * - `orphan`: a resource whose key has no open lease.
 * - `duplicate`: a second resource of a key whose lease has another one.
 * - `unknown_company`: its labels name a company that is not here, or not the one of its lease. Never touched.
 * - `forgotten`: an operator gave up its lease and took it on. Never touched.
 */
export type FindingKind = (typeof findingKinds)[number];

/** A resource as the provider lists it. */
export interface Resource {
  readonly key: string;
  /** The provider's own name for it; empty where it has none. */
  readonly providerLeaseId: string;
  readonly company: string;
  readonly run: string | null;
  /** The highest fence it has seen, where it knows. */
  readonly fence: number | null;
}

/** An open lease of a listed key. */
export interface LeaseOfKey {
  readonly id: string;
  readonly state: LeaseState;
  readonly company: string;
  readonly providerLeaseId: string | null;
  readonly fence: number;
}

export interface Finding extends Resource {
  readonly kind: FindingKind;
  /** Whether something is to be done about it once its grace is over. */
  readonly actionable: boolean;
}

export interface ListingFacts {
  readonly listed: readonly Resource[];
  readonly open: ReadonlyMap<string, LeaseOfKey>;
  readonly companies: ReadonlySet<string>;
}

/** What in a listing no open lease explains. */
export function findingsOf({ listed, open, companies }: ListingFacts): Finding[] {
  const byKey = new Map<string, Resource[]>();
  for (const one of listed) byKey.set(one.key, [...(byKey.get(one.key) ?? []), one]);
  return [...byKey].flatMap(([key, resources]) => {
    const lease = open.get(key);
    return lease === undefined ? withoutLease(resources, companies) : besideLease(resources, lease);
  });
}

/** A key's resources go together, by the key: one of them that is not surely ours keeps the others. */
function withoutLease(resources: readonly Resource[], companies: ReadonlySet<string>): Finding[] {
  const owners = new Set(resources.map((one) => one.company));
  const ours = owners.size === 1 && resources.every((one) => companies.has(one.company));
  return resources.map((one) => ({ ...one, kind: ours ? "orphan" : "unknown_company", actionable: ours }));
}

/** While a lease is being acquired or released, who does that deals with its duplicates too. */
function besideLease(resources: readonly Resource[], lease: LeaseOfKey): Finding[] {
  const settled = lease.state === "active" || lease.state === "retained";
  // A listing that lacks the lease's own may be behind; then nothing says which of the others is one too many.
  const ownSeen = resources.some((one) => one.providerLeaseId === lease.providerLeaseId);
  return resources.flatMap((one): Finding[] => {
    if (one.company !== lease.company) return [{ ...one, kind: "unknown_company", actionable: false }];
    const strange = settled && lease.providerLeaseId !== null && one.providerLeaseId !== "" && one.providerLeaseId !== lease.providerLeaseId;
    return strange ? [{ ...one, kind: "duplicate", actionable: ownSeen }] : [];
  });
}

/** Whether two identities are of one database. A server that does not tell its own says `-` in its place; then the database's number decides. */
export function sameDatabase(a: string, b: string): boolean {
  const [systemA, databaseA] = a.split("/");
  const [systemB, databaseB] = b.split("/");
  return databaseA === databaseB && (systemA === systemB || systemA === "-" || systemB === "-");
}
