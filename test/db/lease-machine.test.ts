import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDatabase, type Database } from "../../src/db/client.ts";
import { ensureCompany } from "../../src/db/companies.ts";
import { renewLease } from "../../src/db/lease-renewal.ts";
import { listLeaseEvents } from "../../src/db/lease-list.ts";
import { extendLeaseClaim, findLease, type Lease, moveLease, moveLeases } from "../../src/db/leases.ts";
import { isKind } from "../../src/domain/errors.ts";
import { isFinalLease, leaseEvents, leaseStates, nextLease } from "../../src/domain/lease.ts";
import { newClaim } from "../../src/domain/claim.ts";
import { freshDatabase } from "../support/database.ts";
import { insertLeaseIn } from "../support/lease-rows.ts";

let database: Database;
let companyId: string;
let drop: () => Promise<void>;
beforeAll(async () => {
  const fresh = await freshDatabase();
  drop = () => fresh.drop();
  database = openDatabase(fresh.url, { name: "test" });
  companyId = (await ensureCompany(database.db, "test")).id;
});
afterAll(async () => {
  await database.close();
  await drop();
});

describe("every state times every event", () => {
  for (const state of leaseStates) {
    for (const event of leaseEvents) {
      const fences = state === "requested" ? [0, 1] : [1];
      for (const fence of fences) {
        it(`I5: ${event} on ${state} with fence ${fence}`, async () => {
          const claim = newClaim("me");
          const facts = { state, fence, ending: null };
          const rule = nextLease({ ...facts, ending: "released" }, event)?.rule;
          const holds = rule?.claim === "hold" || rule?.claim === "drop";
          const before = await insertLeaseIn(database.db, companyId, { state, fence, claim: holds ? claim : null });
          const expected = nextLease(before, event);
          const moved = moveLease(database.db, before, {
            event,
            who: "test",
            claim,
            patch: {
              ...(event === "release" ? { ending: "released" } : {}),
              ...(event === "claim" && before.acquireDeadline === null ? { acquireDeadline: new Date() } : {}),
              ...(event === "acquired" ? { handle: { v: 1 }, expiresAt: new Date(), acquiredAt: new Date() } : {}),
            },
          });
          if (expected === null) {
            await expect(moved).rejects.toSatisfy((error) => isKind(error, "stale"));
            expect(await findLease(database.db, before.id)).toEqual(before);
            expect(await listLeaseEvents(database.db, before.id)).toEqual([]);
            return;
          }
          const after = await moved;
          expect(after).toMatchObject({ state: expected.to, fence: expected.fence });
          expect(await listLeaseEvents(database.db, before.id)).toMatchObject([{ event, from: state, to: expected.to, fence: expected.fence, who: "test" }]);
          expect(isFinalLease(before.state)).toBe(false);
        });
      }
    }
  }
});

describe("claims and fences", () => {
  it("I5: of twenty claimants one gets the lease", async () => {
    const lease = await insertLeaseIn(database.db, companyId, { state: "releasing" });
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => moveLease(database.db, lease, { event: "claim_release", who: `w${i}`, claim: newClaim(`w${i}`) })));
    expect(results.filter((r) => r.status === "fulfilled")).toHaveLength(1);
    for (const r of results) if (r.status === "rejected") expect(isKind(r.reason, "stale")).toBe(true);
    expect(await listLeaseEvents(database.db, lease.id)).toHaveLength(1);
  });

  it("I5: a claimer whose fence is old changes nothing", async () => {
    const mine = newClaim("me");
    const lease = await insertLeaseIn(database.db, companyId, { state: "acquiring", claim: mine });
    const cancelled = await moveLease(database.db, lease, { event: "cancel", who: "api" });
    expect(cancelled).toMatchObject({ state: "releasing", fence: lease.fence + 1, ending: "expired", claimToken: null });
    await expect(moveLease(database.db, lease, { event: "acquired", who: "me", claim: mine, patch: { handle: { v: 1 }, expiresAt: new Date(), acquiredAt: new Date() } })).rejects.toMatchObject({ kind: "stale" });
    expect(await findLease(database.db, lease.id)).toEqual(cancelled);
  });

  it("I5: a claimer whose claim has lapsed changes nothing, though nobody took it", async () => {
    const mine = newClaim("me");
    const lease = await insertLeaseIn(database.db, companyId, { state: "acquiring", claim: mine, lapsed: true });
    await expect(moveLease(database.db, lease, { event: "give_up_acquire", who: "me", claim: mine })).rejects.toMatchObject({ kind: "stale" });
    expect(await extendLeaseClaim(database.db, lease.id, mine)).toBe(false);
    expect(await findLease(database.db, lease.id)).toEqual(lease);
  });

  it("I5: a lapsed claim is taken over with a higher fence, a live one is not", async () => {
    const lapsed = await insertLeaseIn(database.db, companyId, { state: "releasing", claim: newClaim("dead"), lapsed: true });
    expect(await moveLease(database.db, lapsed, { event: "claim_release", who: "heir", claim: newClaim("heir") })).toMatchObject({ fence: lapsed.fence + 1, claimOwner: "heir", attempt: 1 });
    const live = await insertLeaseIn(database.db, companyId, { state: "releasing", claim: newClaim("alive") });
    await expect(moveLease(database.db, live, { event: "claim_release", who: "thief", claim: newClaim("thief") })).rejects.toMatchObject({ kind: "stale" });
  });

  it("I4: a renewal counts from now, is cut at the hard end, and needs the fence", async () => {
    const lease = await insertLeaseIn(database.db, companyId, { state: "active", patch: { maxExpiresAt: new Date(Date.now() + 60_000) } });
    const granted = await renewLease(database.db, lease, 3_600_000);
    expect(granted).toEqual(lease.maxExpiresAt);
    expect(await renewLease(database.db, { id: lease.id, fence: lease.fence - 1 })).toBeNull();
    const releasing = await insertLeaseIn(database.db, companyId, { state: "releasing" });
    expect(await renewLease(database.db, releasing)).toBeNull();
  });

  it("I4, I5: an expiry decided before a renewal was granted changes nothing", async () => {
    const read = await insertLeaseIn(database.db, companyId, { state: "active", patch: { expiresAt: new Date(Date.now() - 1000) } });
    const granted = await renewLease(database.db, read);
    const expire = (lease: Lease) => moveLease(database.db, lease, { event: "expire", who: "reaper", unlessRenewed: true });
    await expect(expire(read)).rejects.toMatchObject({ kind: "stale" });
    expect(await findLease(database.db, read.id)).toMatchObject({ state: "active", expiresAt: granted });
    const over = await insertLeaseIn(database.db, companyId, { state: "active", patch: { expiresAt: new Date(Date.now() - 1000) } });
    expect((await expire(over)).state).toBe("releasing");
  });

  it("I3: two open leases of one resource cannot be", async () => {
    const lease = await insertLeaseIn(database.db, companyId, { state: "active" });
    await expect(insertLeaseIn(database.db, companyId, { state: "requested", patch: { resourceKey: lease.resourceKey } })).rejects.toThrow();
    const closed = await insertLeaseIn(database.db, companyId, { state: "released", patch: { resourceKey: lease.resourceKey } });
    expect(closed.resourceKey).toBe(lease.resourceKey);
  });

  it("I5: many leases moved at once are moved as each by itself, but for those that are renewed, locked or further", async () => {
    const over = new Date(Date.now() - 1000);
    const [first, second, renewed, locked, further] = await Promise.all(Array.from({ length: 5 }, () => insertLeaseIn(database.db, companyId, { state: "active", patch: { expiresAt: over } }))) as [Lease, Lease, Lease, Lease, Lease];
    const kept = await insertLeaseIn(database.db, companyId, { state: "retained", fence: 7, patch: { expiresAt: over } });
    const all = [first, second, renewed, locked, further, kept, await insertLeaseIn(database.db, companyId, { state: "released" })];
    await renewLease(database.db, renewed);
    await moveLease(database.db, further, { event: "vanish", who: "test" });
    const expire = () => moveLeases(database.db, all, { event: "expire", who: "reaper", why: "late", unlessRenewed: true });
    const moved = await database.db.transaction(async (tx) => {
      await tx.execute(sql`select 1 from environment_leases where id = ${locked.id} for update`);
      return expire();
    });
    expect(new Set(moved.map((lease) => lease.id))).toEqual(new Set([first.id, second.id, kept.id]));
    expect(moved.find((lease) => lease.id === kept.id)).toMatchObject({ state: "releasing", fence: 8, mustDestroy: true });
    expect(await findLease(database.db, first.id)).toMatchObject({ state: "releasing", fence: first.fence + 1, ending: "expired", claimToken: null });
    expect(await listLeaseEvents(database.db, first.id)).toMatchObject([{ event: "expire", from: "active", to: "releasing", fence: first.fence + 1, who: "reaper", why: "late" }]);
    expect((await expire()).map((lease) => lease.id)).toEqual([locked.id]);
    expect(await expire()).toEqual([]);
    expect(await listLeaseEvents(database.db, second.id)).toHaveLength(1);
  });
});
