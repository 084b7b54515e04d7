import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sql } from "drizzle-orm";
import { availableParallelism } from "node:os";
import { insertEnvironment } from "../../src/db/environments.ts";
import { claimNextLease } from "../../src/db/lease-claims.ts";
import { insertLease, moveLease } from "../../src/db/leases.ts";
import { newClaim } from "../../src/domain/claim.ts";
import { newId } from "../../src/domain/ids.ts";
import { eventually } from "../support/eventually.ts";
import { slotHistory } from "../support/slot-history.ts";
import { fakeEnvironment, startStack, type Stack } from "../support/stack.ts";
import { startTestFleet } from "../support/fleet.ts";

const backends = ["sandbox-fake"];
let stack: Stack;
beforeEach(async () => {
  stack = await startStack();
});
afterEach(() => stack.close());

const db = () => stack.base.database.db;

/** Submits so many runs and has their leases requested, before anybody can acquire. */
async function request(environment: string, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => stack.submit({ command: ["true"], environment: { project: environment } })));
  const decider = await stack.worker({ backends: [] });
  await eventually(async () => expect((await slotHistory(db(), environment)).requested).toHaveLength(count), { timeoutMs: 30_000 });
  await decider.stop();
}

async function allEnded(count: number, timeoutMs = 50_000): Promise<void> {
  await eventually(
    async () => {
      await stack.sweep();
      const [row] = [...(await db().execute(sql`select count(*)::int as n from runs where phase = 'ended'`))];
      expect(row).toEqual({ n: count });
    },
    { timeoutMs },
  );
}

describe("slots of an environment", () => {
  it("100 runs on 3 slots over three workers: never more than 3, in the order of request, none starved", async () => {
    const environment = await stack.fakeEnvironment({ commands: "instant" }, 3);
    await request(environment, 100);
    await Promise.all([stack.worker({ backends }), stack.worker({ backends }), stack.worker({ backends })]);
    await allEnded(100);
    const history = await slotHistory(db(), environment);
    expect(history.most).toBe(3);
    expect(history.claimed).toHaveLength(100);
    expect(history.claimed).toEqual(history.requested);
  });

  it("releases that fail keep their slots until they work; one that is stuck keeps it for good", async () => {
    const environment = await stack.fakeEnvironment({ commands: "instant", faults: [{ verb: "destroy", call: [1, 1000], fault: "fail", kind: "refused" }] }, 3);
    await stack.worker({ backends });
    const { lease } = await stack.ended((await stack.submit({ command: ["true"], environment: { project: environment } })).id);
    expect(lease?.state).toBe("stuck");
    const fails = { provider: "fake", commands: "instant", faults: [{ verb: "release", call: 1, fault: "fail", kind: "transient" }] };
    await db().execute(sql`update environments set config = ${JSON.stringify(fails)}::jsonb where id = ${environment}`);
    await Promise.all(Array.from({ length: 12 }, () => stack.submit({ command: ["true"], environment: { project: environment } })));
    await stack.worker({ backends });
    await allEnded(13);
    const history = await slotHistory(db(), environment);
    expect(history.most).toBe(3);
    expect(history.claimed).toHaveLength(13);
    const [row] = [...(await db().execute(sql`select count(*) filter (where status = 'stuck')::int as stuck, count(*) filter (where status = 'released')::int as released from environment_leases`))];
    expect(row).toEqual({ stuck: 1, released: 12 });
  });

  it("claims at once by many workers: each slot goes to the oldest request that waits", async () => {
    const environment = await stack.fakeEnvironment({}, 1);
    const later = new Date(Date.now() + 600_000);
    const requested: string[] = [];
    for (let i = 0; i < 30; i++) {
      const id = newId();
      await insertLease(db(), { id, companyId: stack.companyId, environmentId: environment, state: "requested", backend: "sandbox-fake", provider: "fake", resourceKey: id, queueDeadline: later, maxExpiresAt: later }, "test");
      requested.push(id);
    }
    const scope = { backend: "sandbox-fake", host: newId(), bound: false, binds: true, lapseMs: 0 };
    const claimed: string[] = [];
    while (claimed.length < requested.length) {
      const claims = Array.from({ length: 8 }, (_, i) => newClaim(`worker ${i}`));
      const got = (await Promise.all(claims.map((claim) => claimNextLease(db(), scope, claim, claim.owner)))).filter((lease) => lease !== null);
      expect(got).toHaveLength(1);
      for (const lease of got) {
        claimed.push(lease.id);
        const claim = claims.find((c) => c.token === lease.claimToken);
        const releasing = await moveLease(db(), lease, { event: "give_up_acquire", who: "test", claim: claim ?? newClaim("nobody") });
        const again = newClaim("releaser");
        await moveLease(db(), await moveLease(db(), releasing, { event: "claim_release", who: "test", claim: again }), { event: "cleaned", who: "test", claim: again });
      }
    }
    expect(claimed).toEqual(requested);
  });
});

describe("a place that hangs", () => {
  it("I4: keeps no other place of its machine waiting to be given back", async () => {
    const hangs = await stack.fakeEnvironment({ commands: "instant", faults: [{ verb: "release", call: [1, 1000], fault: "hang" }] });
    const works = await stack.fakeEnvironment({ commands: "instant" });
    await stack.worker({ backends });
    const submit = (project: string, count: number) => Promise.all(Array.from({ length: count }, () => stack.submit({ command: ["true"], environment: { project } })));
    const hung = await submit(hangs, availableParallelism());
    const leases = async () => Promise.all(hung.map(async ({ id }) => (await stack.situation(id)).lease));
    await eventually(async () => {
      await stack.sweep();
      for (const lease of await leases()) expect(lease?.claimOwner).toMatch(/^worker/);
      for (const lease of await leases()) expect(lease?.state).toBe("releasing");
    });
    const [run] = await submit(works, 1);
    const { lease } = await stack.ended(run?.id ?? "");
    expect(lease?.state).toBe("released");
    // Each still waits for its first answer: nobody had to give up for the other to get on.
    for (const one of await leases()) expect(one).toMatchObject({ state: "releasing", attempt: 1 });
  });
});

describe("with a worker killed in the middle", () => {
  it("I4, I6: never more than 3, in the order of request, none starved, none twice", async () => {
    const fleet = await startTestFleet();
    try {
      const database = fleet.base.database.db;
      const { id: environment } = await insertEnvironment(database, fleet.companyId, fakeEnvironment({}, 3));
      await Promise.all([fleet.reaper(), fleet.worker("")]);
      const count = 30;
      const runs = await Promise.all(Array.from({ length: count }, (_, i) => fleet.submit({ command: ["sleep", i === 6 ? "4" : "0.3"], environment: { project: environment } })));
      await eventually(async () => expect((await slotHistory(database, environment)).requested).toHaveLength(count));
      const workers = await Promise.all([1, 2, 3].map(() => fleet.worker("sandbox-fake")));
      await eventually(async () => {
        const [row] = [...(await database.execute(sql`select claim_owner as owner from executions where state = 'running' and claim_until > clock_timestamp()
          and (select count(*) from runs where phase = 'ended') >= 5 limit 1`))];
        const victim = workers.find((worker) => String(row?.["owner"]).includes(` ${worker.pid} `));
        if (victim === undefined) throw new Error("nobody executes");
        victim.signal("SIGKILL");
      });
      await eventually(
        async () => {
          const [row] = [...(await database.execute(sql`select count(*)::int as n from runs where phase = 'ended'`))];
          expect(row).toEqual({ n: count });
        },
        { timeoutMs: 50_000 },
      );
      const history = await slotHistory(database, environment);
      expect(history.most).toBe(3);
      expect(history.claimed).toEqual(history.requested);
      for (const run of runs) expect((await fleet.situation(run.id)).run.outcome).toEqual({ kind: "exited", code: 0 });
    } finally {
      await fleet.close();
    }
  });
});
