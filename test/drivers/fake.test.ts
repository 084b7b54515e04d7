import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configCheck, openDrivers } from "../../src/app/drivers.ts";
import { childEnvironment, readConfig } from "../../src/config.ts";
import { executionPlace } from "../../src/session/place.ts";
import { callContext, command, first, installation, output, sh } from "../session/local-lease.ts";
import { processesUnder } from "../support/processes.ts";
import { expiresAt, fakeProvider, type FakeProvider, labels } from "./fake-lease.ts";

let fake: FakeProvider;
beforeEach(() => {
  fake = fakeProvider();
});
afterEach(() => fake.remove());

const left = (...path: string[]): string[] => (existsSync(join(fake.root, ...path)) ? readdirSync(join(fake.root, ...path)) : []);
const keys = async (): Promise<string[]> => (await fake.inventory()).map((one) => one.key).toSorted();

describe.each(["real", "instant"] as const)("%s: acquire", (commands) => {
  it("I2: twice gives the same resource, to a driver of another process too", async () => {
    const key = randomUUID();
    const one = await fake.acquire(key, { commands });
    expect(await fake.acquire(key, { commands })).toEqual(one);
    expect(await fake.acquire(key, { commands }, 2, fake.another())).toEqual(one);
    const { sandboxId } = one.handle as { sandboxId: string };
    expect(one.providerLeaseId).toMatch(new RegExp(`^sandbox://fake/[0-9a-f-]{36}/${sandboxId}$`));
    const cwd = join(fake.root, "sandboxes", key, "1", "workspace");
    expect(one.target).toEqual({ transport: "sandbox", cwd, shell: "/bin/sh" });
    expect(one.metadata).toMatchObject({ provider: "fake", image: "ubuntu:24.04", reuseLease: false, shellCommand: "sh", sandboxId, remoteCwd: cwd, resumedLease: false, commands });
    expect(await fake.inventory()).toEqual([{ key, labels, createdAt: expect.any(Date) as Date, providerLeaseId: one.providerLeaseId, fence: expect.any(Number) as number }]);
  });

  it("the lease's id names its run", async () => {
    const [key, run] = [randomUUID(), randomUUID()];
    const { providerLeaseId } = await fake.driver.acquire(callContext(), { key, config: { provider: "fake", commands }, labels: { ...labels, run }, expiresAt });
    expect(providerLeaseId).toMatch(new RegExp(`^sandbox://fake/${run}/`));
    expect((await fake.inventory()).map((one) => one.labels.run)).toEqual([run]);
  });

  it("I2: twenty at once, in four drivers, give one resource, and leave nothing aside", async () => {
    const key = randomUUID();
    const drivers = [fake.driver, fake.another(), fake.another(), fake.another()];
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => fake.acquire(key, { commands }, 1, drivers[i % 4])));
    expect(new Set(all.map((one) => one.providerLeaseId)).size).toBe(1);
    expect(await keys()).toEqual([key]);
    expect([...left(".stage"), ...left(".trash")]).toEqual([]);
  });

  it("I2: after a release, from anywhere: gone", async () => {
    const key = randomUUID();
    await fake.acquire(key, { commands });
    await fake.release(key);
    for (const by of [fake.driver, fake.another()]) await expect(fake.acquire(key, { commands }, 2, by)).rejects.toMatchObject({ kind: "gone", code: "lease_released" });
  });

  it("I2: a sandbox that is not ours is refused and left alone", async () => {
    const [foreign, alien] = [randomUUID(), randomUUID()];
    const { handle } = await fake.acquire(foreign, { commands });
    const others = fake.another("another");
    await expect(others.acquire(callContext(), { key: foreign, config: { provider: "fake", commands }, labels: { ...labels, installation: "another" }, expiresAt })).rejects.toMatchObject({ kind: "refused", code: "resource_foreign" });
    await expect(others.acquire(callContext(), { key: alien, config: { provider: "fake", commands }, labels, expiresAt })).rejects.toMatchObject({ kind: "refused", code: "installation_foreign" });
    await expect(others.release(callContext(), { key: foreign, handle: null, config: { provider: "fake" } })).rejects.toMatchObject({ kind: "refused" });
    await expect(others.session(callContext(), { key: foreign, handle })).rejects.toMatchObject({ kind: "refused" });
    await expect(fake.driver.acquire(callContext(), { key: foreign, config: { provider: "fake", commands }, labels: { ...labels, company: "evil" }, expiresAt })).rejects.toMatchObject({ kind: "refused" });
    expect(await keys()).toEqual([foreign]);
    expect(await fake.inventory(others)).toEqual([]);
    expect(await fake.driver.inspect(callContext(), { key: foreign, handle })).toBe("up");
  });

  it.each(["", ".", "..", "../x", "/etc", "a/b", "late", "x".repeat(300), "a\0b"])("a hostile key is refused: %j", async (key) => {
    await expect(fake.acquire(key, { commands })).rejects.toMatchObject({ kind: "invalid" });
    await expect(fake.release(key)).rejects.toMatchObject({ kind: "invalid" });
  });

  it("I5: an old fence neither takes over, nor releases, nor starts", async () => {
    const key = randomUUID();
    const { handle } = await fake.acquire(key, { commands }, 5);
    await expect(fake.acquire(key, { commands }, 4)).rejects.toMatchObject({ kind: "stale" });
    await expect(fake.release(key, null, 4)).rejects.toMatchObject({ kind: "stale" });
    expect(await keys()).toEqual([key]);
    await fake.acquire(key, { commands }, 6);
    const session = await fake.driver.session(callContext(6), { key, handle });
    await expect(executionPlace(session, randomUUID()).start({ fence: 5, offer: 9 }, command(["true"]))).rejects.toMatchObject({ kind: "stale" });
    await expect(fake.release(key, handle, 5)).rejects.toMatchObject({ kind: "stale" });
    await fake.release(key, handle, 6);
    expect(await keys()).toEqual([]);
  });
});

describe.each(["real", "instant"] as const)("%s: release", (commands) => {
  it("any number of times, at once, and of a key never acquired: then it can never be acquired", async () => {
    const [known, never] = [randomUUID(), randomUUID()];
    const { handle } = await fake.acquire(known, { commands });
    for (const key of [known, never]) {
      await Promise.all([fake.release(key), fake.release(key), fake.release(key)]);
      await fake.release(key);
      await expect(fake.acquire(key, { commands })).rejects.toMatchObject({ kind: "gone" });
      expect(await fake.driver.inspect(callContext(), { key, handle })).toBe("gone");
    }
    expect([...left("sandboxes"), ...left(".trash"), ...left(".stage")]).toEqual([]);
  });

  it("I2: at the same time as an acquire: one of them sees to it that nothing is left", async () => {
    for (let i = 0; i < (commands === "real" ? 10 : 200); i++) {
      const key = randomUUID();
      const acquiring = fake.acquire(key, { commands }).catch((error: unknown) => expect(["gone", "transient"]).toContain((error as { kind: string }).kind));
      // Not always at the same point of it.
      for (let turn = 0; turn < i % 20; turn++) await lstat(fake.root);
      await Promise.all([acquiring, fake.release(key)]);
    }
    expect(await keys()).toEqual([]);
  });

  it("I2: against many acquires of the same key: nothing is left, and the key is used up", async () => {
    for (let i = 0; i < 5; i++) {
      const key = randomUUID();
      const acquire = () => fake.acquire(key, { commands });
      const results = await Promise.allSettled([acquire(), fake.release(key), acquire(), fake.release(key), acquire()]);
      for (const result of results) if (result.status === "rejected") expect(["gone", "transient"]).toContain((result.reason as { kind: string }).kind);
      await fake.release(key);
      await expect(acquire()).rejects.toMatchObject({ kind: "gone" });
    }
    expect(await keys()).toEqual([]);
    expect(left(".trash")).toEqual([]);
  });

  it("of a sandbox that does not say whose it is any more: refused and left alone", async () => {
    const key = randomUUID();
    const { handle } = await fake.acquire(key, { commands });
    writeFileSync(join(fake.root, "sandboxes", key, "1", "record.json"), "{");
    expect(await keys()).toEqual([]);
    await expect(fake.release(key)).rejects.toMatchObject({ kind: "refused" });
    await expect(fake.release(key, handle)).rejects.toMatchObject({ kind: "refused" });
    expect(left("sandboxes")).toEqual([key]);
  });
});

describe("real commands", () => {
  it("run in the sandbox, under the supervisor, and end with it", async () => {
    const key = randomUUID();
    const handle: unknown = JSON.parse(JSON.stringify((await fake.acquire(key)).handle));
    const session = await fake.another().session(callContext(), { key, handle });
    const place = executionPlace(session, randomUUID());
    await place.start(first, sh('pwd; echo "$PATH"; exit 3'));
    expect((await output(place)).stdout.toString()).toBe(`${join(fake.root, "sandboxes", key, "1", "workspace")}\n/usr/local/bin:/usr/bin:/bin\n`);
    expect(await place.status()).toMatchObject({ kind: "ended", exit: { kind: "exited", code: 3 } });

    const long = executionPlace(session, randomUUID());
    await long.start(first, sh("setsid sleep 1000 & sleep 1000"));
    await fake.release(key, handle);
    expect(processesUnder(fake.root)).toEqual([]);
    expect(await long.status()).toEqual({ kind: "gone" });
    await expect(executionPlace(session, randomUUID()).start(first, command(["true"]))).rejects.toMatchObject({ kind: "gone" });
  });

  it("the release does not need the marker, which a command can remove", async () => {
    const key = randomUUID();
    const { handle } = await fake.acquire(key);
    rmSync(join(fake.root, "sandboxes", key, "1", "control"), { recursive: true });
    await fake.release(key, handle);
    expect(left("sandboxes")).toEqual([]);
  });
});

describe("handles, extend, probe, inventory", () => {
  it("an unknown version of a handle is refused", async () => {
    const key = randomUUID();
    await fake.acquire(key);
    for (const handle of [{}, { v: 2 }, { v: 1, more: true }, "x"]) {
      for (const verb of ["session", "inspect", "release"] as const) await expect(fake.driver[verb](callContext(), { key, handle, config: { provider: "fake" } })).rejects.toMatchObject({ kind: "invalid", code: "handle_version_unknown" });
    }
  });

  it("extend moves the provider's expiry, and a sandbox that is gone is gone", async () => {
    const key = randomUUID();
    const { handle } = await fake.acquire(key);
    const later = new Date(Date.now() + 3_600_000);
    expect(await fake.driver.extend(callContext(), { key, handle }, later)).toEqual(later);
    expect(JSON.parse(readFileSync(join(fake.root, "sandboxes", key, "1", "record.json"), "utf8"))).toMatchObject({ expiresAt: later.toISOString(), labels: { company: "acme" } });
    await fake.release(key, handle);
    await expect(fake.driver.extend(callContext(), { key, handle }, later)).rejects.toMatchObject({ kind: "gone", code: "sandbox_gone" });
    await expect(fake.driver.session(callContext(), { key, handle })).rejects.toMatchObject({ kind: "gone", code: "sandbox_gone" });
  });

  it("a probe says what is right, and what to do about what is wrong", async () => {
    expect(await fake.driver.probe(callContext(), { provider: "fake" })).toMatchObject({ ok: true, summary: "the fake provider can be used; nothing is planned to fail" });
    rmSync(fake.root, { recursive: true });
    const bad = await fake.driver.probe(callContext(), { provider: "fake" });
    expect(bad.ok).toBe(false);
    expect(bad.diagnostics.filter((d) => !d.ok).map((d) => d.remedy)).toEqual([expect.stringContaining("LEASEHOLD_FAKE_PROVIDER")]);
  });

  it("I14: without the provider's directory nothing is known, and nothing counts as gone", async () => {
    const key = randomUUID();
    const { handle } = await fake.acquire(key);
    rmSync(join(fake.root, "sandboxes"), { recursive: true });
    await expect(fake.inventory()).rejects.toMatchObject({ kind: "transient" });
    await expect(fake.release(key, handle)).rejects.toMatchObject({ kind: "transient" });
    expect(await fake.driver.inspect(callContext(), { key, handle })).toBe("unknown");
  });

  it("I14: the inventory leaves out what is no sandbox", async () => {
    const key = randomUUID();
    await fake.acquire(key);
    mkdirSync(join(fake.root, "sandboxes", randomUUID(), "1"), { recursive: true });
    writeFileSync(join(fake.root, "sandboxes", "note"), "");
    expect(await keys()).toEqual([key]);
  });
});

describe("config", () => {
  const faultsOf = (config: unknown): string[] => (fake.driver.config.safeParse(config).error?.issues ?? []).map((issue) => `${issue.path.join(".")}: ${issue.message}`);

  it("has its defaults, and says what is wrong", () => {
    expect(fake.driver.config.parse({ provider: "fake" })).toEqual({ provider: "fake", image: "ubuntu:24.04", reuseLease: false, commands: "real", instant: { exitCode: 0, stdout: "" }, faults: [] });
    expect(faultsOf({ provider: "fake", imgae: "x" })).toEqual([expect.stringContaining("imgae")]);
    expect(faultsOf({ provider: "fake", reuseLease: true })).toEqual(["reuseLease: must be false: the provider fake offers no reuse"]);
  });

  it.each([
    [{ verb: "list", call: 1, fault: "duplicate" }, "faults.0.verb: only the provider's create can do this"],
    [{ verb: "create", call: 1, fault: "list_stale" }, "faults.0.verb: only the provider's list can do this"],
    [{ verb: "probe", call: 1, fault: "vanish" }, "faults.0.verb: probe and inventory are about no resource"],
    [{ verb: "create", call: 0, fault: "hang" }, "faults.0.call: calls are counted from 1"],
    [{ verb: "create", call: "first", fault: "hang" }, "faults.0.call: must be a number from 1, or two of them: the first call and the last"],
    [{ verb: "create", call: [3, 2], fault: "hang" }, "faults.0.call: the first call comes before the last"],
    [{ verb: "create", call: 1, fault: "create_late" }, "faults.0.afterCalls: needs one of afterCalls and afterMs"],
    [{ verb: "create", call: 1, fault: "create_late", afterCalls: 1, afterMs: 1 }, "faults.0.afterCalls: needs one of afterCalls and afterMs"],
  ])("a plan that cannot be: %j", (fault, message) => {
    expect(faultsOf({ provider: "fake", faults: [fault] })).toEqual([message]);
  });

  it("the provider exists only where the configuration has a place for it", async () => {
    const none = openDrivers({ ...readConfig({}), dataDir: join(fake.root, "data") }, installation);
    expect(none.backends).not.toContain("sandbox-fake");
    expect(() => configCheck(none)("sandbox-fake", { provider: "fake" })).toThrow(expect.objectContaining({ code: "unsupported_environment" }));
    const config = { ...readConfig({ LEASEHOLD_FAKE_PROVIDER: join(fake.root, "state") }), dataDir: join(fake.root, "data") };
    expect(childEnvironment(config, {})["LEASEHOLD_FAKE_PROVIDER"]).toBe(join(fake.root, "state"));
    const some = openDrivers(config, installation);
    expect(configCheck(some)("sandbox-fake", { provider: "fake" })).toMatchObject({ image: "ubuntu:24.04" });
    expect(() => configCheck(some)("sandbox-fake", { provider: "fake", faults: [{ verb: "x" }] })).toThrow(expect.objectContaining({ code: "config_invalid" }));
  });
});
