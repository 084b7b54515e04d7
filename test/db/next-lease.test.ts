import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../src/db/client.ts";
import { ensureCompany, setCompanyLimit } from "../../src/db/companies.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { insertExecution } from "../../src/db/executions.ts";
import { claimNextLease } from "../../src/db/lease-claims.ts";
import { insertLease, type Lease, moveLease } from "../../src/db/leases.ts";
import { queuePosition } from "../../src/db/next-lease.ts";
import { newClaim } from "../../src/domain/claim.ts";
import { pools } from "../../src/domain/defaults.ts";
import { newId } from "../../src/domain/ids.ts";
import { freshDatabase } from "../support/database.ts";
import { fakeEnvironment } from "../support/stack.ts";

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let database: Database;
const db = () => database.db;
const scope = { backend: "sandbox-fake", host: newId(), bound: false, binds: false, lapseMs: 0 };

beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase(fresh.url, { name: "test" });
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});
beforeEach(async () => {
  await db().execute(sql`delete from executions`);
  await db().execute(sql`delete from environment_leases`);
  await db().execute(sql`delete from acquire_turns`);
});

async function company(): Promise<{ id: string; name: string }> {
  return ensureCompany(db(), newId());
}

const environment = async (companyId: string, maxLeases?: number): Promise<string> => (await insertEnvironment(db(), companyId, fakeEnvironment({}, maxLeases))).id;

async function request(companyId: string, environmentId: string, priority = 0): Promise<Lease> {
  const id = newId();
  const later = new Date(Date.now() + 600_000);
  return insertLease(db(), { id, companyId, environmentId, state: "requested", backend: scope.backend, provider: "fake", resourceKey: id, priority, queueDeadline: later, maxExpiresAt: later }, "test");
}

const requests = async (count: number, ...where: Parameters<typeof request>): Promise<Lease[]> => {
  const made: Lease[] = [];
  for (let i = 0; i < count; i += 1) made.push(await request(...where));
  return made;
};

const next = () => claimNextLease(db(), scope, newClaim("worker"), "worker");

/** Claims until there is none to be had. */
async function all(): Promise<Lease[]> {
  const got: Lease[] = [];
  for (let lease = await next(); lease !== null; lease = await next()) got.push(lease);
  return got;
}

/** The same, by so many at once; in the order in which they were claimed. */
async function allAtOnce(width: number): Promise<{ id: string; company: string }[]> {
  await Promise.all(Array.from({ length: width }, () => all()));
  const rows = await db().execute(sql`select l.id, l.company_id as company from environment_leases l join lease_events e on e.lease_id = l.id and e.event = 'claim' order by e.at`);
  return [...rows].map((row) => ({ id: String(row["id"]), company: String(row["company"]) }));
}

async function giveBack(lease: Lease): Promise<void> {
  const claim = newClaim("releaser");
  const releasing = await moveLease(db(), lease, { event: "cancel", who: "test" });
  await moveLease(db(), await moveLease(db(), releasing, { event: "claim_release", who: "test", claim }), { event: "cleaned", who: "test", claim });
}

describe("who is next", () => {
  it("companies take turns: of those that wait, the one whose last turn is longest ago, whoever claims", async () => {
    const [flood, some, one] = [await company(), await company(), await company()];
    await requests(20, flood.id, await environment(flood.id));
    await requests(5, some.id, await environment(some.id));
    await requests(1, one.id, await environment(one.id));
    const claimed = (await allAtOnce(8)).map((lease) => lease.company);
    expect(claimed).toHaveLength(26);
    expect(new Set(claimed.slice(0, 3)).size).toBe(3);
    // From then on in turn, until only one waits.
    const left = new Map([[flood.id, 20], [some.id, 5], [one.id, 1]]);
    const turns = new Map<string, number>();
    for (const [i, who] of claimed.entries()) {
      const waiting = [...left].filter(([, n]) => n > 0).map(([id]) => turns.get(id) ?? -1);
      expect(turns.get(who) ?? -1, `claim ${i}`).toBe(Math.min(...waiting));
      turns.set(who, i);
      left.set(who, (left.get(who) ?? 0) - 1);
    }
  });

  it("a company that comes while another's thousands are taken is next but one, and has no credit from having been away", async () => {
    const [flood, late] = [await company(), await company()];
    await requests(12, flood.id, await environment(flood.id));
    for (let i = 0; i < 6; i += 1) expect((await next())?.companyId).toBe(flood.id);
    await requests(3, late.id, await environment(late.id));
    expect((await all()).map((lease) => lease.companyId === late.id)).toEqual([true, false, true, false, true, false, false, false, false]);
  });

  it("within a company, higher priority first; where it is equal, first come, first served over all its environments", async () => {
    const { id } = await company();
    const [a, b] = [await environment(id), await environment(id, 100)];
    const wanted: Lease[] = [];
    for (const [where, priority] of [[a, 0], [b, 0], [a, -1], [b, 5], [a, 5], [b, 0]] as const) wanted.push(await request(id, where, priority));
    const order = [3, 4, 0, 1, 5, 2].map((i) => wanted[i]?.id);
    expect((await all()).map((lease) => lease.id)).toEqual(order);
  });

  it("priority moves nothing before another company's turn", async () => {
    const [urgent, other] = [await company(), await company()];
    await requests(3, urgent.id, await environment(urgent.id), 10);
    await requests(2, other.id, await environment(other.id), -10);
    const claimed = (await all()).map((lease) => lease.companyId);
    expect(new Set(claimed.slice(0, 2)).size).toBe(2);
    expect(new Set(claimed.slice(2, 4)).size).toBe(2);
  });

  it("I3: an environment that is full is passed over, of many workers at once none takes one too many, and a free place goes to the first", async () => {
    const { id } = await company();
    const [full, free] = [await environment(id, 2), await environment(id)];
    const waiting = await requests(10, id, full);
    const others = await requests(3, id, free);
    const claimed = await allAtOnce(8);
    expect(claimed.map((lease) => lease.id).sort()).toEqual([waiting[0], waiting[1], ...others].map((lease) => lease?.id).sort());
    const [first] = [...(await db().execute(sql`select * from environment_leases where id = ${waiting[0]?.id}`))];
    await giveBack({ ...(waiting[0] as Lease), state: "acquiring", fence: Number(first?.["fence"]) });
    expect((await all()).map((lease) => lease.id)).toEqual([waiting[2]?.id]);
  });

  it("a company gets no more than its limit over all its environments, and others are served meanwhile", async () => {
    const [bounded, other] = [await company(), await company()];
    await setCompanyLimit(db(), bounded.name, 3);
    const [a, b] = [await environment(bounded.id), await environment(bounded.id, 2)];
    const waiting = [...(await requests(5, bounded.id, a)), ...(await requests(5, bounded.id, b))];
    await requests(4, other.id, await environment(other.id));
    const claimed = await allAtOnce(8);
    expect(claimed.filter((lease) => lease.company === bounded.id)).toHaveLength(3);
    expect(claimed.filter((lease) => lease.company === other.id)).toHaveLength(4);
    expect(await queuePosition(db(), waiting[9] as Lease)).toMatchObject({ ahead: 4, company: { used: 3, maxLeases: 3 } });
    // Lowered below what it has, nothing ends and nothing is given; taken back, all can go on.
    await setCompanyLimit(db(), bounded.name, 1);
    expect(await next()).toBeNull();
    await setCompanyLimit(db(), bounded.name, null);
    expect(await all()).toHaveLength(4);
  });

  it("a lease that the provider had no room for keeps its place: who stands behind it waits, other environments do not", async () => {
    const { id } = await company();
    const [busy, free] = [await environment(id), await environment(id)];
    const [first, second] = await requests(2, id, busy);
    const claim = newClaim("worker");
    const got = await claimNextLease(db(), scope, claim, "worker");
    expect(got?.id).toBe(first?.id);
    const later = sql`clock_timestamp() + interval '1 hour'`;
    await moveLease(db(), got as Lease, { event: "yield", who: "worker", claim, patch: { dueAt: later, acquireDeadline: null } });
    const [other] = await requests(1, id, free);
    expect((await all()).map((lease) => lease.id)).toEqual([other?.id]);
    await db().execute(sql`update environment_leases set due_at = clock_timestamp() where id = ${first?.id}`);
    expect((await all()).map((lease) => lease.id)).toEqual([first?.id, second?.id]);
  });

  it("a company with enough leases on their way gets no further one until one has started; another does", async () => {
    const [many, other] = [await company(), await company()];
    const where = await environment(many.id);
    const held: string[] = [];
    for (const lease of await requests(pools.onTheirWay, many.id, where)) {
      await db().execute(sql`update environment_leases set status = 'active', fence = 1, handle = '{}', expires_at = now() + interval '1 hour', acquired_at = now() where id = ${lease.id}`);
      const execution = newId();
      await insertExecution(db(), { id: execution, companyId: many.id, leaseId: lease.id, argv: ["true"], timeoutMs: 1, outputLimit: 1 });
      held.push(execution);
    }
    const waiting = await requests(2, many.id, where);
    const [others] = await requests(1, other.id, await environment(other.id));
    expect((await all()).map((lease) => lease.id)).toEqual([others?.id]);
    // What somebody is at, or was, holds nobody up.
    await db().execute(sql`update executions set offer = 1 where id = ${held[0]}`);
    expect((await all()).map((lease) => lease.id)).toEqual(waiting.map((lease) => lease.id));
  });

  it("an acquire that stands still is taken up before anything new", async () => {
    const { id } = await company();
    const where = await environment(id, 1);
    const [first] = await requests(2, id, where);
    expect((await next())?.id).toBe(first?.id);
    expect(await next()).toBeNull();
    await db().execute(sql`update environment_leases set claim_until = clock_timestamp() - interval '1 second', due_at = clock_timestamp() where id = ${first?.id}`);
    expect(await next()).toMatchObject({ id: first?.id, fence: 2 });
  });
});
