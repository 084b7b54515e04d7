import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Fault } from "../../src/drivers/fake/faults.ts";
import { executionPlace } from "../../src/session/place.ts";
import { callContext, first, sh } from "../session/local-lease.ts";
import { eventually } from "../support/eventually.ts";
import { processesUnder } from "../support/processes.ts";
import { expiresAt, fakeProvider, type FakeProvider, impatient, labels } from "./fake-lease.ts";

let fake: FakeProvider;
beforeEach(() => {
  fake = fakeProvider();
});
afterEach(() => fake.remove());

/** `instant` where nothing is run. */
const planned = (...faults: Fault[]) => ({ commands: "instant", faults });
const there = (key: string): string[] => {
  const path = join(fake.root, "sandboxes", key);
  return existsSync(path) ? readdirSync(path) : [];
};
const inventoried = async (): Promise<string[]> => (await fake.inventory()).map((one) => one.key);
const kinds = { transient: "provider_unavailable", busy: "provider_full", refused: "provider_unauthorized", gone: "sandbox_gone", invalid: "provider_rejected" } as const;

describe("fail", () => {
  it.each(Object.entries(kinds) as [keyof typeof kinds, string][])("%s: translated, nothing is done, and the next call works", async (kind, code) => {
    for (const verb of ["acquire", "list", "create"] as const) {
      const key = randomUUID();
      const config = planned({ verb, call: 1, fault: "fail", kind });
      await expect(fake.acquire(key, config)).rejects.toMatchObject({ kind, code });
      expect(there(key)).toEqual([]);
      const { handle } = await fake.acquire(key, config);
      expect(there(key)).toEqual(["1"]);
      await fake.release(key, handle);
    }
  });

  it("unknown: as it is, for whoever calls drivers to say that it is a bug", async () => {
    const error: unknown = await fake.acquire(randomUUID(), planned({ verb: "acquire", call: 1, fault: "fail", kind: "unknown" })).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toHaveProperty("kind");
  });

  it("of every verb, for as many calls as it says", async () => {
    const key = randomUUID();
    const fault = { call: [2, 3] as [number, number], fault: "fail", kind: "transient" } as const;
    const { handle } = await fake.acquire(key, planned({ verb: "inspect", ...fault }, { verb: "extend", ...fault }, { verb: "session", ...fault }));
    const verbs = [
      () => fake.driver.inspect(callContext(), { key, handle }),
      () => fake.driver.extend(callContext(), { key, handle }, expiresAt),
      () => fake.driver.session(callContext(), { key, handle }),
    ];
    for (const verb of verbs) {
      const ok: boolean[] = [];
      for (let i = 0; i < 4; i++) ok.push(await verb().then(() => true, () => false));
      expect(ok).toEqual([true, false, false, true]);
    }
  });

  it("counts the calls of all processes together, of each lease for itself", async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const config = planned({ verb: "acquire", call: 3, fault: "fail", kind: "busy" });
    await fake.acquire(one, config);
    await fake.acquire(other, config);
    await fake.acquire(one, config, 1, fake.another());
    await expect(fake.acquire(one, config, 1, fake.another())).rejects.toMatchObject({ kind: "busy" });
    await fake.acquire(other, config);
  });

  it("of get: inspect does not know, and a session is not to be had", async () => {
    const key = randomUUID();
    const { handle } = await fake.acquire(key, planned({ verb: "get", call: [1, 2], fault: "fail", kind: "transient" }));
    expect(await fake.driver.inspect(callContext(), { key, handle })).toBe("unknown");
    await expect(fake.driver.session(callContext(), { key, handle })).rejects.toMatchObject({ kind: "transient" });
    expect(await fake.driver.inspect(callContext(), { key, handle })).toBe("up");
  });

  it("of destroy: the release fails, and works when it is called again", async () => {
    const key = randomUUID();
    const { handle } = await fake.acquire(key, planned({ verb: "destroy", call: 1, fault: "fail", kind: "transient" }));
    await expect(fake.release(key, handle)).rejects.toMatchObject({ kind: "transient" });
    expect(there(key)).toEqual(["1"]);
    await fake.release(key, handle);
    expect(there(key)).toEqual([]);
  });

  it("of destroy, with not found for what is there: the listing after it knows better", async () => {
    const [once, always] = [randomUUID(), randomUUID()];
    const fault = { verb: "destroy", fault: "fail", kind: "gone" } as const;
    const { handle } = await fake.acquire(once, planned({ ...fault, call: 1 }));
    await fake.release(once, handle);
    expect(there(once)).toEqual([]);
    const other = await fake.acquire(always, planned({ ...fault, call: [1, 1000] }));
    await expect(fake.release(always, other.handle)).rejects.toMatchObject({ kind: "transient", code: "sandbox_left" });
  });

  it("of a release that knows the key only: as the lease's environment plans", async () => {
    const key = randomUUID();
    const config = planned({ verb: "acquire", call: 1, fault: "lose_answer" }, { verb: "release", call: 1, fault: "fail", kind: "busy" });
    await expect(fake.acquire(key, config)).rejects.toMatchObject({ kind: "transient", code: "provider_no_answer" });
    await expect(fake.release(key)).rejects.toMatchObject({ kind: "busy" });
    await fake.release(key);
    expect(there(key)).toEqual([]);
  });
});

describe("hang", () => {
  it.each(["acquire", "create", "list"] as const)("%s: until the signal, and then nobody wants the answer", async (verb) => {
    const key = randomUUID();
    const config = { provider: "fake", ...planned({ verb, call: 1, fault: "hang" }) };
    const before = performance.now();
    await expect(fake.driver.acquire(impatient(100), { key, config, labels, expiresAt })).rejects.toMatchObject({ kind: "cancelled", code: "call_cancelled" });
    expect(performance.now() - before).toBeGreaterThan(90);
    expect(there(key)).toEqual([]);
    await fake.acquire(key, config);
  });
});

describe("lose_answer", () => {
  it.each(["acquire", "create"] as const)("I2: of %s: the next try finds what was made", async (verb) => {
    const key = randomUUID();
    const config = planned({ verb, call: [1, 2], fault: "lose_answer" });
    await expect(fake.acquire(key, config)).rejects.toMatchObject({ code: "provider_no_answer" });
    expect(there(key)).toEqual(["1"]);
    if (verb === "acquire") await expect(fake.acquire(key, config)).rejects.toMatchObject({ code: "provider_no_answer" });
    await fake.acquire(key, config, 2);
    expect(there(key)).toEqual(["1"]);
  });

  it("of destroy: the release fails with nothing left, and works when it is called again", async () => {
    const key = randomUUID();
    const { handle } = await fake.acquire(key, planned({ verb: "destroy", call: 1, fault: "lose_answer" }));
    await expect(fake.release(key, handle)).rejects.toMatchObject({ code: "provider_no_answer" });
    expect(there(key)).toEqual([]);
    await fake.release(key, handle);
    await expect(fake.acquire(key)).rejects.toMatchObject({ code: "lease_released" });
  });
});

describe("duplicate", () => {
  it("I2: the lower one wins, the other is destroyed", async () => {
    const key = randomUUID();
    const one = await fake.acquire(key, planned({ verb: "create", call: 1, fault: "duplicate" }));
    expect(there(key)).toEqual(["1"]);
    expect((await fake.inventory()).map((s) => s.providerLeaseId)).toEqual([one.providerLeaseId]);
    expect(await fake.acquire(key, planned({ verb: "create", call: 1, fault: "duplicate" }))).toEqual(one);
  });

  it("I2: one that could not be destroyed is found by the next acquire, and by the release", async () => {
    const key = randomUUID();
    const config = planned({ verb: "create", call: 1, fault: "duplicate" }, { verb: "destroy", call: [1, 2], fault: "fail", kind: "transient" });
    await expect(fake.acquire(key, config)).rejects.toMatchObject({ kind: "transient" });
    await expect(fake.acquire(key, config)).rejects.toMatchObject({ kind: "transient" });
    expect(await inventoried()).toEqual([key, key]);
    await fake.acquire(key, config);
    expect(there(key)).toEqual(["1"]);

    const released = randomUUID();
    await expect(fake.acquire(released, config)).rejects.toMatchObject({ kind: "transient" });
    await expect(fake.release(released)).rejects.toMatchObject({ kind: "transient" });
    await fake.release(released);
    expect(there(released)).toEqual([]);
  });

  it("I5: an acquirer that wakes too late destroys nothing that a newer fence has", async () => {
    const key = randomUUID();
    // It has looked, found nothing, and its create is only carried out now.
    const late = planned({ verb: "create", call: 1, fault: "create_late", afterCalls: 2 });
    await expect(fake.acquire(key, late)).rejects.toMatchObject({ code: "provider_no_answer" });
    const { handle } = await fake.acquire(key, late, 3);
    expect(there(key)).toEqual(["1"]);
    await expect(fake.acquire(key, late, 2)).rejects.toMatchObject({ kind: "stale" });
    expect(await fake.driver.inspect(callContext(), { key, handle })).toBe("up");
  });
});

describe("create_late", () => {
  it("I2: before the next try has looked again: found, and one stays", async () => {
    const key = randomUUID();
    const config = planned({ verb: "create", call: 1, fault: "create_late", afterCalls: 3 });
    await expect(fake.acquire(key, config)).rejects.toMatchObject({ kind: "transient", code: "provider_no_answer" });
    expect(there(key)).toEqual([]);
    // list, create, list: there it is.
    const { handle } = await fake.acquire(key, config);
    expect(there(key)).toEqual(["1"]);
    expect(await fake.driver.inspect(callContext(), { key, handle })).toBe("up");
  });

  it("I2: after the lease has one: the release removes both", async () => {
    const key = randomUUID();
    const { handle } = await late(key, { afterCalls: 4 });
    await fake.driver.inspect(callContext(), { key, handle });
    expect(there(key).toSorted()).toEqual(["1", "2"]);
    await fake.release(key, handle);
    expect(there(key)).toEqual([]);
  });

  it("I2: after the release: the inventory has it with its labels, and the next release removes it", async () => {
    const key = randomUUID();
    const { handle } = await late(key, { afterCalls: 8 });
    // Three of the second acquire: list, create, list. Four of the release: list, destroy, list, get.
    await fake.release(key, handle);
    expect(there(key)).toEqual([]);
    const found = await fake.inventory();
    expect(found).toEqual([{ key, labels, createdAt: expect.any(Date) as Date, providerLeaseId: expect.stringMatching(/^sandbox:\/\/fake\//) as string, fence: 1 }]);
    await expect(fake.acquire(key)).rejects.toMatchObject({ code: "lease_released" });
    await fake.release(key, handle);
    expect(await fake.inventory()).toEqual([]);
  });

  it("after a time", async () => {
    const key = randomUUID();
    await expect(fake.acquire(key, planned({ verb: "create", call: 1, fault: "create_late", afterMs: 50 }))).rejects.toMatchObject({ code: "provider_no_answer" });
    expect(await inventoried()).toEqual([]);
    await eventually(async () => expect(await inventoried()).toEqual([key]));
  });

  /** A lease whose first create was late, and that then got a sandbox. */
  async function late(key: string, when: { afterCalls: number }) {
    const config = planned({ verb: "create", call: 1, fault: "create_late", ...when });
    await expect(fake.acquire(key, config)).rejects.toMatchObject({ code: "provider_no_answer" });
    const made = await fake.acquire(key, config);
    expect(there(key)).toEqual(["1"]);
    return made;
  }
});

describe("list_stale, list_fails", () => {
  it("I2: a stale look after creating makes no second resource, and a stale look before it only for a moment", async () => {
    const key = randomUUID();
    const config = planned({ verb: "list", call: [2, 3], fault: "list_stale" });
    const one = await fake.acquire(key, config);
    expect(there(key)).toEqual(["1"]);
    // The third listing misses it: a second one is made, seen by the fourth, and destroyed.
    expect(await fake.acquire(key, config)).toEqual(one);
    expect(there(key)).toEqual(["1"]);
  });

  it("a release whose listing is stale destroys what the handle names, and what the listing after it shows", async () => {
    const [known, unknown] = [randomUUID(), randomUUID()];
    const { handle } = await fake.acquire(known, planned({ verb: "list", call: [3, 1000], fault: "list_stale" }));
    await fake.release(known, handle);
    expect(there(known)).toEqual([]);
    await fake.acquire(unknown, planned({ verb: "list", call: 3, fault: "list_stale" }));
    await fake.release(unknown);
    expect(there(unknown)).toEqual([]);
  });

  it("I14: a listing that fails is not an empty one", async () => {
    const key = randomUUID();
    const { handle } = await fake.acquire(key, planned({ verb: "list", call: 3, fault: "list_fails" }));
    await expect(fake.release(key, handle)).rejects.toMatchObject({ kind: "transient", code: "provider_unavailable" });
    expect(there(key)).toEqual(["1"]);
    await fake.release(key, handle);
    expect(there(key)).toEqual([]);
  });
});

describe("vanish", () => {
  it("ends what runs in it, and everything says gone", async () => {
    const key = randomUUID();
    const { handle } = await fake.acquire(key, { faults: [{ verb: "extend", call: 1, fault: "vanish" }] });
    const place = executionPlace(await fake.driver.session(callContext(), { key, handle }), randomUUID());
    await place.start(first, sh("setsid sleep 1000 & sleep 1000"));
    await fake.driver.extend(callContext(), { key, handle }, expiresAt);
    expect(processesUnder(fake.root)).toEqual([]);
    expect(await place.status()).toEqual({ kind: "gone" });
    expect(await fake.driver.inspect(callContext(), { key, handle })).toBe("gone");
    await expect(fake.driver.session(callContext(), { key, handle })).rejects.toMatchObject({ kind: "gone" });
    await fake.release(key, handle);
  });

  it("during acquire: it is noticed, and the next try makes another", async () => {
    const key = randomUUID();
    const config = planned({ verb: "create", call: 1, fault: "vanish" });
    await expect(fake.acquire(key, config)).rejects.toMatchObject({ kind: "transient", code: "sandbox_vanished" });
    const { handle } = await fake.acquire(key, config);
    expect(await fake.driver.inspect(callContext(), { key, handle })).toBe("up");
  });
});

describe("the inventory and the probe", () => {
  it("I14: fail as the shared plan says", async () => {
    const key = randomUUID();
    await fake.acquire(key);
    const faults: Fault[] = [
      { verb: "inventory", call: 1, fault: "fail", kind: "busy" },
      { verb: "list", call: 1, fault: "list_fails" },
      { verb: "list", call: 2, fault: "list_stale" },
    ];
    writeFileSync(join(fake.root, "faults.json"), JSON.stringify(faults));
    await expect(fake.inventory()).rejects.toMatchObject({ kind: "busy" });
    await expect(fake.inventory()).rejects.toMatchObject({ kind: "transient" });
    expect(await inventoried()).toEqual([]);
    expect(await inventoried()).toEqual([key]);
    writeFileSync(join(fake.root, "faults.json"), '[{"verb":"x"}]');
    await expect(fake.inventory()).rejects.toMatchObject({ kind: "invalid", code: "faults_invalid" });
  });

  it("a probe fails as its config says", async () => {
    const config = { provider: "fake", ...planned({ verb: "probe", call: 1, fault: "fail", kind: "refused" }) };
    await expect(fake.driver.probe(callContext(), config)).rejects.toMatchObject({ kind: "refused", code: "provider_unauthorized" });
    expect(await fake.driver.probe(callContext(), config)).toMatchObject({ ok: true, summary: expect.stringContaining("1 faults are planned") as string });
  });
});
