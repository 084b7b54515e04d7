import { setTimeout } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../src/db/client.ts";
import { ensureCompany } from "../../src/db/companies.ts";
import { abandonExecution, askKill, claimExecution, type Execution, findExecution, moveExecution } from "../../src/db/executions.ts";
import { extendExecutionClaim, extendExecutionClaims } from "../../src/db/execution-claims.ts";
import { appendOutput, readOutput } from "../../src/db/output.ts";
import { executions } from "../../src/db/schema.ts";
import { type Claim, newClaim } from "../../src/domain/claim.ts";
import { isKind } from "../../src/domain/errors.ts";
import { type ExecutionState, executionStates, nextExecution } from "../../src/domain/execution.ts";
import { newId } from "../../src/domain/ids.ts";
import { type HeldLease, renewLease, renewLeases } from "../../src/db/lease-renewal.ts";
import { findLease } from "../../src/db/leases.ts";
import { extendTogether } from "../../src/leases/together.ts";
import { freshDatabase } from "../support/database.ts";
import { insertLeaseIn } from "../support/lease-rows.ts";

let database: Database;
let companyId: string;
let leaseId: string;
let drop: () => Promise<void>;
beforeAll(async () => {
  const fresh = await freshDatabase();
  drop = () => fresh.drop();
  database = openDatabase(fresh.url, { name: "test" });
  companyId = (await ensureCompany(database.db, "test")).id;
  leaseId = (await insertLeaseIn(database.db, companyId, { state: "active" })).id;
});
afterAll(async () => {
  await database.close();
  await drop();
});

/** An execution in any state, claimed or not. */
async function executionIn(state: ExecutionState, claim: Claim | null = null, lapsed = false, lease = leaseId): Promise<Execution> {
  const id = newId();
  await database.db.insert(executions).values({
    id,
    companyId,
    leaseId: lease,
    ordinal: 1,
    argv: ["true"],
    state,
    offer: claim === null ? 0 : 1,
    timeoutMs: 1000,
    outputLimit: 1000,
    bootId: state === "starting" || state === "running" ? "boot" : null,
    outcome: state === "final" ? { kind: "exited", code: 0 } : null,
    ...(claim === null ? {} : { claimOwner: claim.owner, claimToken: claim.token, claimUntil: sql`clock_timestamp() + make_interval(secs => ${lapsed ? -1 : 600})` as never }),
  });
  const row = await findExecution(database.db, id);
  if (row === undefined) throw new Error("the row is not there");
  return row;
}

const moves = ["intent", "started", "finish", "detach"] as const;

describe("every state times every event of a claimer", () => {
  for (const state of executionStates) {
    for (const event of moves) {
      it(`I5, I6: ${event} on ${state}`, async () => {
        const claim = newClaim("me");
        const before = await executionIn(state, state === "final" ? null : claim);
        const to = nextExecution(state, event);
        const moved = moveExecution(database.db, before, event, claim, { ...(event === "intent" ? { bootId: "boot" } : {}), ...(event === "finish" ? { outcome: { kind: "exited", code: 1 } } : {}) });
        if (to === null) {
          await expect(moved).rejects.toSatisfy((error) => isKind(error, "stale"));
          expect(await findExecution(database.db, before.id)).toEqual(before);
        } else {
          expect(await moved).toMatchObject({ state: to, claimToken: event === "finish" || event === "detach" ? null : claim.token });
        }
      });
    }
  }
});

describe("claims and offers", () => {
  it("I5: of twenty claimants one gets it, and the offer grows by one", async () => {
    const { id } = await executionIn("created");
    const got = await Promise.all(Array.from({ length: 20 }, (_, i) => claimExecution(database.db, id, newClaim(`w${i}`))));
    expect(got.filter((g) => g !== null)).toHaveLength(1);
    expect((await findExecution(database.db, id))?.offer).toBe(1);
  });

  it("I5: an old offer writes no output, moves nothing and extends nothing, though its token was once good", async () => {
    const old = newClaim("old");
    const before = await executionIn("running", old, true);
    const heir = newClaim("heir");
    const taken = await claimExecution(database.db, before.id, heir);
    expect(taken?.offer).toBe(before.offer + 1);
    await expect(appendOutput(database.db, before, old, "stdout", 0, Buffer.from("x"))).rejects.toMatchObject({ kind: "stale" });
    await expect(moveExecution(database.db, before, "finish", old, { outcome: { kind: "exited", code: 0 } })).rejects.toMatchObject({ kind: "stale" });
    expect(await extendExecutionClaim(database.db, { id: before.id, claim: old })).toBeNull();
    expect((await readOutput(database.db, before.id, "stdout", 0)).length).toBe(0);
  });

  it("I4, I5: of many leases renewed in one statement those whose execution I hold are; not past their hard end, not another's, nor one whose row is locked", async () => {
    const claim = newClaim("me");
    const soon = new Date(Date.now() + 30_000);
    const held = async (patch: { expiresAt: Date; maxExpiresAt?: Date }, by: Claim, state: "active" | "releasing" = "active"): Promise<HeldLease> => {
      const lease = await insertLeaseIn(database.db, companyId, { state, patch });
      return { id: lease.id, fence: lease.fence, execution: (await executionIn("running", by, false, lease.id)).id, claim };
    };
    const [mine, near, locked, others, over, old] = (await Promise.all([
      held({ expiresAt: soon }, claim),
      held({ expiresAt: soon, maxExpiresAt: new Date(soon.getTime() + 1000) }, claim),
      held({ expiresAt: soon }, claim),
      held({ expiresAt: soon }, newClaim("heir")),
      held({ expiresAt: soon }, claim, "releasing"),
      held({ expiresAt: soon }, claim),
    ])) as [HeldLease, HeldLease, HeldLease, HeldLease, HeldLease, HeldLease];
    const all = [mine, near, locked, others, over, { ...old, fence: old.fence - 1 }];
    const renewed = await database.db.transaction(async (tx) => {
      await tx.execute(sql`select 1 from environment_leases where id = ${locked.id} for update`);
      return renewLeases(database.db, all);
    });
    expect([...renewed.keys()].toSorted()).toEqual([mine.id, near.id].toSorted());
    expect(renewed.get(near.id)).toEqual(new Date(soon.getTime() + 1000));
    expect((await findLease(database.db, mine.id))?.expiresAt).toEqual(renewed.get(mine.id));
    expect(renewed.get(mine.id)?.getTime()).toBeGreaterThan(soon.getTime());
    for (const lease of [locked, others, over, old]) expect((await findLease(database.db, lease.id))?.expiresAt).toEqual(soon);
    expect(await renewLease(database.db, others)).toBeNull();
    expect(await renewLease(database.db, locked)).not.toBeNull();
  });

  it("I7: does not end with less output than was made durable, nor with more", async () => {
    const claim = newClaim("me");
    const execution = await executionIn("running", claim);
    await appendOutput(database.db, execution, claim, "stdout", 0, Buffer.from("abc"));
    const end = (stdout: number) => moveExecution(database.db, execution, "finish", claim, { outcome: { kind: "exited", code: 0 } }, { stdout, stderr: 0 });
    for (const durable of [2, 4]) await expect(end(durable)).rejects.toMatchObject({ kind: "transient", code: "output_taken_back" });
    expect((await end(3)).state).toBe("final");
    expect((await end(3)).state).toBe("final");
  });

  it("I5: of many claims extended in one statement those that are mine are, with their news; not an heir's, nor one whose row is locked", async () => {
    const [mine, lapsed, locked] = [newClaim("me"), newClaim("me"), newClaim("me")];
    const held = [await executionIn("running", mine), await executionIn("running", lapsed, true), await executionIn("running", locked)];
    const [first, taken, busy] = held.map(({ id }) => id) as [string, string, string];
    await askKill(database.db, first, "cancelled");
    const heir = newClaim("heir");
    await claimExecution(database.db, taken, heir);
    const claims = [{ id: first, claim: mine }, { id: taken, claim: lapsed }, { id: busy, claim: locked }];
    await database.db.transaction(async (tx) => {
      await tx.execute(sql`select 1 from executions where id = ${busy} for update`);
      expect(await extendExecutionClaims(database.db, claims)).toEqual(new Map([[first, { killReason: "cancelled" }]]));
    });
    expect([...(await extendExecutionClaims(database.db, claims)).keys()].toSorted()).toEqual([first, busy].toSorted());
    expect((await findExecution(database.db, taken))?.claimToken).toBe(heir.token);
  });

  it("I5: who extends claims together does not wait for one whose row is locked, which waits alone", async () => {
    const claim = newClaim("me");
    const [free, locked] = [{ id: (await executionIn("running", claim)).id, claim }, { id: (await executionIn("running", claim)).id, claim }];
    const stays = { later: null as Promise<unknown> | null };
    await database.db.transaction(async (tx) => {
      await tx.execute(sql`select 1 from executions where id = ${locked.id} for update`);
      stays.later = extendTogether(database.db, locked);
      expect(await Promise.race([extendTogether(database.db, free), setTimeout(5000, "waits")])).toEqual({ killReason: null });
    });
    expect(await stays.later).toEqual({ killReason: null });
  });

  it("I7: output goes in exactly where it belongs, once, however often the same piece is committed", async () => {
    const claim = newClaim("me");
    const row = await executionIn("running", claim);
    await appendOutput(database.db, row, claim, "stdout", 0, Buffer.from("ab"));
    await appendOutput(database.db, row, claim, "stdout", 0, Buffer.from("ab"));
    await expect(appendOutput(database.db, row, claim, "stdout", 5, Buffer.from("z"))).rejects.toMatchObject({ kind: "stale" });
    await appendOutput(database.db, row, claim, "stdout", 2, Buffer.from([0, 255, 10]));
    expect(await readOutput(database.db, row.id, "stdout", 0)).toEqual(Buffer.from([97, 98, 0, 255, 10]));
    expect(await readOutput(database.db, row.id, "stdout", 1)).toEqual(Buffer.from([98, 0, 255, 10]));
    expect(await readOutput(database.db, row.id, "stdout", 3)).toEqual(Buffer.from([255, 10]));
    expect((await readOutput(database.db, row.id, "stdout", 5)).length).toBe(0);
    expect(await findExecution(database.db, row.id)).toMatchObject({ stdoutBytes: 5, stderrBytes: 0 });
  });

  it("I8: the first reason for a kill stays, and none is taken after the end", async () => {
    const { id } = await executionIn("running", newClaim("me"));
    expect(await askKill(database.db, id, "timed_out")).toBe(true);
    expect(await askKill(database.db, id, "cancelled")).toBe(true);
    expect((await findExecution(database.db, id))?.killReason).toBe("timed_out");
    expect(await askKill(database.db, (await executionIn("final")).id, "cancelled")).toBe(false);
  });

  it("I6: only what nobody works on and nobody intended to start can be abandoned", async () => {
    expect(await abandonExecution(database.db, (await executionIn("created")).id, "cancelled")).toBe(true);
    expect(await abandonExecution(database.db, (await executionIn("created", newClaim("dead"), true)).id, "cancelled")).toBe(true);
    expect(await abandonExecution(database.db, (await executionIn("created", newClaim("alive"))).id, "cancelled")).toBe(false);
    expect(await abandonExecution(database.db, (await executionIn("starting")).id, "cancelled")).toBe(false);
    expect(await abandonExecution(database.db, (await executionIn("running")).id, "cancelled")).toBe(false);
  });
});
