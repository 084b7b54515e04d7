import { describe, expect, it } from "vitest";
import { leaseStates } from "../../src/domain/lease.ts";
import { findingsOf, type LeaseOfKey, type Resource, sameDatabase } from "../../src/domain/reconcile.ts";

const one = (more: Partial<Resource> = {}): Resource => ({ key: "k", providerLeaseId: "a", company: "c", run: null, fence: 1, ...more });
const lease = (more: Partial<LeaseOfKey> = {}): LeaseOfKey => ({ id: "k", state: "active", company: "c", providerLeaseId: "a", fence: 1, ...more });
const found = (listed: readonly Resource[], of?: LeaseOfKey) =>
  findingsOf({ listed, open: new Map(of === undefined ? [] : [["k", of]]), companies: new Set(["c", "d"]) }).map(({ providerLeaseId, kind, actionable }) => `${providerLeaseId} ${kind}${actionable ? "" : ", left alone"}`);

describe("what in a listing no open lease explains", () => {
  it("I14: nothing, of nothing and of what has its lease", () => {
    expect(found([])).toEqual([]);
    expect(found([one()], lease())).toEqual([]);
    expect(found([one({ providerLeaseId: "" })], lease({ providerLeaseId: null }))).toEqual([]);
  });

  it("I14: orphans, if all of the key are of one company that is here", () => {
    expect(found([one(), one({ providerLeaseId: "b" })])).toEqual(["a orphan", "b orphan"]);
    expect(found([one({ company: "x" })])).toEqual(["a unknown_company, left alone"]);
    expect(found([one(), one({ providerLeaseId: "b", company: "d" })])).toEqual(["a unknown_company, left alone", "b unknown_company, left alone"]);
  });

  const listed = [one(), one({ providerLeaseId: "b" })];
  it.each(leaseStates.filter((state) => !["released", "expired", "failed"].includes(state)))("I2: of a lease that is %s, duplicates only where nobody else deals with them", (state) => {
    expect(found(listed, lease({ state }))).toEqual(state === "active" || state === "retained" ? ["b duplicate"] : []);
  });

  it("I14: no duplicate to be removed where the lease's own is not seen, or a name is not known", () => {
    expect(found([one({ providerLeaseId: "b" }), one({ providerLeaseId: "c" })], lease())).toEqual(["b duplicate, left alone", "c duplicate, left alone"]);
    expect(found(listed, lease({ providerLeaseId: null }))).toEqual([]);
  });

  it("I12: what is under a lease's key with another company's labels", () => {
    expect(found([one(), one({ providerLeaseId: "b", company: "d" })], lease())).toEqual(["b unknown_company, left alone"]);
  });
});

describe("one database", () => {
  it.each([
    ["1/2", "1/2", true],
    ["1/2", "1/3", false],
    ["1/2", "2/2", false],
    ["-/2", "1/2", true],
    ["1/2", "-/2", true],
    ["-/2", "-/3", false],
  ])("%s and %s: %s", (a, b, same) => expect(sameDatabase(a, b)).toBe(same));
});
