import type { Logger } from "pino";
import { moveLease } from "../db/leases.ts";
import type { Lease } from "../db/leases.ts";
import {
  type ClaimedEndpoint,
  claimDueEndpoint,
  type Compared,
  extendEndpointClaim,
  finishEndpoint,
  insertOrphan,
  type KnownFinding,
  knownCompanies,
  leasesOfKeys,
  markForgotten,
  mayAct,
  mayDiscard,
  missingLeases,
  noteEndpoint as noteRow,
  recordFindings,
} from "../db/reconcile.ts";
import { findHold } from "../db/reconcile-hold.ts";
import { type Claim, newClaim } from "../domain/claim.ts";
import { limits, timing } from "../domain/defaults.ts";
import { isKind, reasonOf, transient } from "../domain/errors.ts";
import { isId, newId } from "../domain/ids.ts";
import { type Finding, findingsOf, type LeaseOfKey, type Resource } from "../domain/reconcile.ts";
import type { Driver, Inventory } from "../drivers/driver.ts";
import { callDriver } from "./call.ts";
import { endpointOf } from "./endpoint-of.ts";
import { checkDatabase } from "./check-database.ts";
import type { WorkerFleet } from "./fleet.ts";
import { keepClaim } from "./keep-claim.ts";

/**
 * Compares what providers hold with what our rows say: for each of these endpoints that is due, one after the other. Of
 * all workers one at a time compares an endpoint. `stop` calls it off; what was not concluded by then is the next one's.
 */
export async function reconcileDue(fleet: WorkerFleet, endpoints: readonly string[], stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const claim = newClaim(fleet.who);
    const due = await claimDueEndpoint(fleet.db, endpoints, claim);
    if (due === null) return;
    // Whoever the row names: two machines may have places of one identity, as after a copy. Each sees its own, and judges nobody else's.
    await reconcileEndpoint(fleet, { ...due, host: listingHost(fleet, due.backend) }, claim, stop);
  }
}

/** The machine that alone can list a backend's place: this one, or none where any worker can. */
const listingHost = (fleet: WorkerFleet, backend: string): string | null => (fleet.driver(backend).facts.placement === "host" ? fleet.host.id : null);

/** Sees to it that the place of a backend has a row, and keeps in `noted` which place it is. */
export async function noteEndpoint(fleet: WorkerFleet, backend: string, noted: Map<string, string>): Promise<void> {
  const driver = fleet.driver(backend);
  const endpoint = await endpointOf(driver).catch((err: unknown) => {
    fleet.log.warn({ err, backend }, "cannot tell which place this is");
    return null;
  });
  if (endpoint === null || noted.get(backend) === endpoint) return;
  await noteRow(fleet.db, { endpoint, backend, host: listingHost(fleet, backend) });
  noted.set(backend, endpoint);
}

/** One comparison, at whose end the endpoint is due again. */
async function reconcileEndpoint(fleet: WorkerFleet, at: ClaimedEndpoint, claim: Claim, stop: AbortSignal): Promise<void> {
  const log = fleet.log.child({ endpoint: at.endpoint, backend: at.backend });
  using kept = keepClaim(
    () => extendEndpointClaim(fleet.claims, at.endpoint, claim),
    (err) => log.error({ err }, "could not extend a claim"),
  );
  const signal = AbortSignal.any([kept.lost, stop]);
  try {
    const { compared, dueInMs } = await compare({ fleet, log, at, claim, signal });
    await finishEndpoint(fleet.db, at, claim, compared, dueInMs);
  } catch (error) {
    // Nobody says now what is there; the claim is not ours any more, or we leave.
    if (kept.lost.aborted) return;
    if (!stop.aborted) log.warn({ err: error }, "could not compare what a provider holds with the rows; nothing is concluded");
    await finishEndpoint(fleet.db, at, claim, stop.aborted ? null : reasonOf(error), stop.aborted ? 0 : timing.reconcile);
  }
}

interface Comparison {
  readonly fleet: WorkerFleet;
  readonly log: Logger;
  readonly at: ClaimedEndpoint;
  readonly claim: Claim;
  readonly signal: AbortSignal;
}

async function compare(work: Comparison): Promise<{ compared: Compared; dueInMs: number }> {
  const { fleet, log, at, claim } = work;
  const driver = fleet.driver(at.backend);
  const { inventory } = driver;
  if (inventory === null) throw transient("inventory_missing", `the driver of ${at.backend} lists nothing`);
  await checkDatabase(fleet);

  // First everything that is there, to its end; then the rows. What is listed and has no lease by then is nobody's.
  const listed = await listAll(work, inventory);
  const { open, fences } = await leasesOfKeys(fleet.db, at, new Set(listed.map((one) => one.key)));
  const companies = await knownCompanies(fleet.db, new Set(listed.map((one) => one.company).filter(isId)));
  const findings = findingsOf({ listed, open, companies });
  const known = await recordFindings(fleet.db, at, claim, findings);
  if (known === null) throw transient("claim_lost", "somebody else compares this endpoint now");

  const counts = { listed: listed.length, orphans: 0, vanished: 0, duplicates: 0, deferred: 0 };
  const { hold } = await findHold(fleet.db);
  if (hold !== null) {
    log.error({ since: hold.since, findings: findings.length }, `nothing is reconciled: ${hold.why}. Look whether this is the right database, then \`leasehold reconcile confirm\``);
    return { compared: counts, dueInMs: timing.reconcile };
  }
  const ripe = await ripeOf(work, findings, known);
  const orphans = capped(ripe.orphans, counts);
  const duplicates = capped(ripe.duplicates, counts);
  for (const one of orphans) if (await giveBackOrphan(work, driver, one, fences.get(one.key) ?? 0)) counts.orphans++;
  for (const one of duplicates) if (await discardDuplicate(work, inventory, one, open.get(one.key))) counts.duplicates++;
  const missing = await missingLeases(fleet.db, at, listed);
  for (const lease of missing.missing) {
    // What is left may have vanished or not: nobody has asked.
    if (counts.vanished >= limits.reconcileCap) {
      counts.deferred += missing.total - missing.missing.indexOf(lease);
      break;
    }
    if (await endVanished(work, driver, inventory, lease)) counts.vanished++;
  }
  tell(log, counts);
  return { compared: counts, dueInMs: Math.min(timing.reconcile, ...ripe.waiting.map((ms) => Math.max(ms, timing.workerBeat))) };
}

async function listAll({ fleet, log, at, signal }: Comparison, inventory: Inventory): Promise<Resource[]> {
  await mustBe(inventory, at.endpoint);
  const limit = AbortSignal.timeout(timing.reconcileListing);
  const whole = AbortSignal.any([signal, limit]);
  const listed: Resource[] = [];
  const list = async (): Promise<void> => {
    for await (const { key, labels, providerLeaseId, fence } of inventory.list({ signal: whole, log })) {
      whole.throwIfAborted();
      // Again, whatever the driver thinks of it: what is not ours is none of our business.
      if (labels.installation !== fleet.installation || !isId(key)) continue;
      listed.push({ key: key.toLowerCase(), company: labels.company.toLowerCase(), run: labels.run, providerLeaseId: providerLeaseId ?? "", fence });
      if (listed.length > limits.reconcileListed) throw transient("inventory_too_long", `${at.endpoint} lists more than ${limits.reconcileListed} resources`);
    }
  };
  await Promise.race([list(), fired(whole)]);
  await mustBe(inventory, at.endpoint);
  return listed;
}

/** Rejects when nobody waits for the listing any more, whether or not the driver hears that. */
const fired = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const leave = (): void => reject(transient("inventory_timeout", "the provider did not list what it holds in time", { cause: signal.reason }));
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  });

/** Throws `transient` when the place is another one now: what is in it, or not, says nothing about the one we are to judge. */
async function mustBe(inventory: Inventory, endpoint: string): Promise<void> {
  const now = await inventory.endpoint();
  if (now !== endpoint) throw transient("endpoint_changed", `the place is ${now} now, not ${endpoint}`);
}

/** What may be acted on now, and after how many milliseconds there is more. */
async function ripeOf({ fleet, at }: Comparison, findings: readonly Finding[], known: readonly KnownFinding[]) {
  const nameOf = (one: Pick<Finding, "key" | "providerLeaseId">): string => `${one.key} ${one.providerLeaseId}`;
  const actionable = new Map(findings.filter((one) => one.actionable).map((one) => [nameOf(one), one]));
  // In the order in which they were seen first.
  const due = known.flatMap(({ kind, waitMs, ...one }) => {
    const finding = actionable.get(nameOf(one));
    return finding?.kind === kind ? [{ finding, waitMs }] : [];
  });
  const ripe = due.filter(({ waitMs }) => waitMs === 0).map(({ finding }) => finding);
  const orphans = [...new Map(ripe.filter(({ kind }) => kind === "orphan").map((one) => [one.key, one])).values()];
  const forgotten = await markForgotten(fleet.db, at.endpoint, orphans);
  return {
    orphans: orphans.filter(({ key }) => !forgotten.has(key)),
    duplicates: ripe.filter(({ kind }) => kind === "duplicate"),
    waiting: due.filter(({ waitMs }) => waitMs > 0).map(({ waitMs }) => waitMs),
  };
}

/** The first of them, up to the cap; the rest is counted. */
function capped<T>(all: readonly T[], counts: { deferred: number }): readonly T[] {
  counts.deferred += Math.max(0, all.length - limits.reconcileCap);
  return all.slice(0, limits.reconcileCap);
}

/** Makes the lease through which an orphan is given back. False when there is no need to, or no right. */
async function giveBackOrphan({ fleet, log, at, claim }: Comparison, driver: Driver, resource: Resource, fence: number): Promise<boolean> {
  const lease = await insertOrphan(fleet.db, at, claim, {
    id: newId(),
    eventId: newId(),
    resource,
    provider: driver.provider,
    fence: Math.max(fence, resource.fence ?? 0) + 1,
    who: fleet.who,
  });
  if (lease === null) return false;
  log.warn({ lease: lease.id, company: lease.companyId, run: resource.run, key: resource.key }, "the provider holds what no lease does: it is given back");
  await fleet.bells.step({ verb: "release", backend: lease.backend, host: lease.host, id: lease.id, offer: lease.fence });
  return true;
}

/** Has the provider remove one resource too many of a key, while its lease goes on with its own. */
async function discardDuplicate({ fleet, log, at, claim, signal }: Comparison, { discard }: Inventory, one: Resource, lease: LeaseOfKey | undefined): Promise<boolean> {
  if (discard === null || lease === undefined || !(await mayDiscard(fleet.db, at.endpoint, claim, lease))) return false;
  try {
    const driver = fleet.driver(at.backend);
    await callDriver(fleet, driver, { id: lease.id, fence: lease.fence, companyId: lease.company, backend: at.backend, runId: null }, signal, (context) => discard(context, one));
    log.warn({ lease: lease.id, key: one.key, resource: one.providerLeaseId }, "the provider held a second resource of a key: it was removed");
    return true;
  } catch (error) {
    log.warn({ err: error, lease: lease.id, resource: one.providerLeaseId }, "could not remove a second resource of a key; the next comparison tries again");
    return false;
  }
}

/** Ends a lease whose resource is not there, on the provider's own word about it. False when that is not to be had. */
async function endVanished({ fleet, log, at, claim, signal }: Comparison, driver: Driver, inventory: Inventory, lease: Lease): Promise<boolean> {
  try {
    const seen = await callDriver(fleet, driver, lease, signal, (context) => driver.inspect(context, { key: lease.resourceKey, handle: lease.handle }));
    if (seen !== "gone") return false;
    await mustBe(inventory, at.endpoint);
    const why = "its resource vanished";
    const moved = await moveLease(fleet.db, lease, { event: "vanish", who: fleet.who, why, patch: { failureReason: why }, onlyIf: mayAct(at.endpoint, claim) });
    log.warn({ lease: lease.id, company: lease.companyId, run: lease.runId }, "a lease's resource is gone: the lease ends");
    await Promise.all([
      fleet.bells.step({ verb: "release", backend: moved.backend, host: moved.host, id: moved.id, offer: moved.fence }),
      ...(moved.runId === null ? [] : [fleet.bells.run(moved.runId, `vanish-${moved.fence}`)]),
    ]);
    return true;
  } catch (error) {
    if (!isKind(error, "stale")) log.warn({ err: error, lease: lease.id }, "could not tell whether a lease's resource is there; the next comparison asks again");
    return false;
  }
}

function tell(log: Logger, counts: Compared): void {
  const { orphans, duplicates, vanished, deferred } = counts;
  if (deferred > 0) log.error(counts, `${deferred} more do not fit the rows and are left for the next time; look whether this database is the right one`);
  else if (orphans + duplicates + vanished > 0) log.info(counts, "compared what a provider holds with the rows");
}
