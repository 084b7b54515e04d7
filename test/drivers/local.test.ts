import { execFileSync, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Driver } from "../../src/drivers/driver.ts";
import { localDriver } from "../../src/drivers/local/driver.ts";
import { driverRegistry } from "../../src/drivers/registry.ts";
import { executionPlace } from "../../src/session/place.ts";
import { callContext, command, first, installation, output } from "../session/local-lease.ts";

let root: string;
let driver: Driver;
const labels = { installation, company: "acme", run: null };
const expiresAt = new Date(Date.now() + 60_000);

beforeEach(() => {
  root = join(mkdtempSync(join(tmpdir(), "local-driver-")), "leases");
  driver = localDriver({ root, installation });
});
afterEach(() => rmSync(join(root, ".."), { recursive: true, force: true }));

const acquire = (key: string, fence = 1, by = driver) => by.acquire(callContext(fence), { key, config: {}, labels, expiresAt });
const release = (key: string, fence = 1, by = driver) => by.release(callContext(fence), { key, handle: null });
const listed = async (by = driver): Promise<string[]> => {
  const keys: string[] = [];
  for await (const entry of by.inventory?.(callContext()) ?? []) keys.push(entry.key);
  return keys.toSorted();
};
const left = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);

describe("I2: acquire", () => {
  it("I2: twice gives the same resource", async () => {
    const key = randomUUID();
    const one = await acquire(key);
    writeFileSync(join(root, key, "workspace", "file"), "kept");
    expect(await acquire(key)).toEqual(one);
    expect(readFileSync(join(root, key, "workspace", "file"), "utf8")).toBe("kept");
    expect(one).toEqual({ handle: { v: 1 }, providerLeaseId: null, target: { transport: "local", cwd: join(root, key, "workspace"), shell: "/bin/sh" }, metadata: {} });
    expect(readdirSync(join(root, key)).toSorted()).toEqual(["control", "home", "tmp", "workspace"]);
  });

  it("I2: twenty at once give one resource, and leave nothing aside", async () => {
    const key = randomUUID();
    await Promise.all(Array.from({ length: 20 }, () => acquire(key)));
    expect(await listed()).toEqual([key]);
    expect(left(join(root, ".stage"))).toEqual([]);
  });

  it("I2: after a release, from anywhere: gone", async () => {
    const key = randomUUID();
    await acquire(key);
    await release(key);
    await expect(acquire(key, 2)).rejects.toMatchObject({ kind: "gone" });
    await expect(acquire(key, 2, localDriver({ root, installation }))).rejects.toMatchObject({ kind: "gone" });
  });

  it("I2: a name that is not ours is refused and left alone", async () => {
    const [plain, link, foreign] = [randomUUID(), randomUUID(), randomUUID()];
    mkdirSync(join(root, plain, "precious"), { recursive: true });
    symlinkSync("/tmp", join(root, link));
    await acquire(foreign);
    const other = localDriver({ root, installation: "another" });
    for (const key of [plain, link]) {
      await expect(acquire(key)).rejects.toMatchObject({ kind: "refused" });
      await expect(release(key)).rejects.toMatchObject({ kind: "refused" });
    }
    await expect(other.acquire(callContext(), { key: foreign, config: {}, labels: { installation: "another", company: "acme", run: null }, expiresAt })).rejects.toMatchObject({ kind: "refused" });
    await expect(release(foreign, 1, other)).rejects.toMatchObject({ kind: "refused" });
    await expect(driver.acquire(callContext(), { key: foreign, config: {}, labels: { installation, company: "evil", run: null }, expiresAt })).rejects.toMatchObject({ kind: "refused" });
    expect(existsSync(join(root, plain, "precious"))).toBe(true);
    expect(lstatSync(join(root, link)).isSymbolicLink()).toBe(true);
    expect(await listed()).toEqual([foreign]);
  });

  it.each(["", ".", "..", "../x", "/etc", "a/b", ".trash", "x".repeat(300), "a\0b", "{00000000-0000-0000-0000-000000000000}"])("a hostile key is refused: %j", async (key) => {
    const outside = join(root, "..", "x");
    mkdirSync(outside);
    await expect(acquire(key)).rejects.toMatchObject({ kind: "invalid" });
    await expect(release(key)).rejects.toMatchObject({ kind: "invalid" });
    await expect(driver.session(callContext(), { key, handle: { v: 1 } })).rejects.toMatchObject({ kind: "invalid" });
    expect(existsSync(outside)).toBe(true);
  });

  it("I5: an old fence neither takes over nor releases", async () => {
    const key = randomUUID();
    await acquire(key, 5);
    await expect(acquire(key, 4)).rejects.toMatchObject({ kind: "stale" });
    await expect(release(key, 4)).rejects.toMatchObject({ kind: "stale" });
    expect(await listed()).toEqual([key]);
    await acquire(key, 6);
    await expect(release(key, 5)).rejects.toMatchObject({ kind: "stale" });
    await release(key, 6);
  });
});

describe("release", () => {
  it("any number of times, at once, and of a key never acquired: then it can never be acquired", async () => {
    const [known, never] = [randomUUID(), randomUUID()];
    await acquire(known);
    for (const key of [known, never]) {
      await Promise.all([release(key), release(key), release(key)]);
      await release(key);
      await expect(acquire(key)).rejects.toMatchObject({ kind: "gone" });
      expect(await driver.inspect(callContext(), { key, handle: { v: 1 } })).toBe("gone");
    }
    expect(left(join(root, ".trash"))).toEqual([]);
  });

  it("I2: against acquires of the same key: nothing is left, and the key is used up", async () => {
    for (let i = 0; i < 5; i++) {
      const key = randomUUID();
      const results = await Promise.allSettled([acquire(key), release(key), acquire(key), release(key), acquire(key)]);
      for (const result of results) if (result.status === "rejected") expect(["gone", "transient"]).toContain((result.reason as { kind: string }).kind);
      await release(key);
      await expect(acquire(key)).rejects.toMatchObject({ kind: "gone" });
    }
    expect(await listed()).toEqual([]);
    expect(left(join(root, ".trash"))).toEqual([]);
  });

  it("deletes what an agent made unreadable, and follows no link", async () => {
    const key = randomUUID();
    await acquire(key);
    const precious = join(root, "..", "precious");
    mkdirSync(precious);
    writeFileSync(join(precious, "file"), "");
    hostileTree(join(root, key, "workspace"), precious);
    await release(key);
    expect(existsSync(join(precious, "file"))).toBe(true);
    expect(left(join(root, ".trash"))).toEqual([]);
  });

  it.runIf(process.getuid?.() === 0)("the same as an ordinary user", () => {
    // The built driver, in a process that has given root up for good.
    const home = mkdtempSync(join(tmpdir(), "ordinary-"));
    try {
      execFileSync("chown", ["12345:12345", home]);
      const script = `
        const { localDriver } = await import(${JSON.stringify(new URL("../../dist/src/drivers/local/driver.js", import.meta.url).pathname)});
        const { executionPlace } = await import(${JSON.stringify(new URL("../../dist/src/session/place.js", import.meta.url).pathname)});
        const driver = localDriver({ root: ${JSON.stringify(join(home, "leases"))}, installation: "i" });
        const log = { warn() {} };
        const context = { signal: new AbortController().signal, log, fence: 1 };
        const key = ${JSON.stringify(randomUUID())};
        const { handle } = await driver.acquire(context, { key, config: {}, labels: { installation: "i", company: "c", run: null }, expiresAt: new Date() });
        const session = await driver.session(context, { key, handle });
        const caller = { fence: 1, offer: 1 };
        const place = executionPlace(session, "x");
        await place.start(caller, { argv: ["sh", "-c", "mkdir -p a/b && touch a/b/c && chmod 000 a/b a && ln -s / root && echo hi"], cwd: ".", env: { PATH: "/bin:/usr/bin" }, stdin: new Uint8Array(), outputLimit: 100, watchdogMs: 10000, leftoverGraceMs: 100 });
        const follow = await place.follow(caller, { stdout: 0, stderr: 0 });
        follow.stdout.resume(); follow.stderr.resume();
        await follow.done;
        console.log(JSON.stringify(await place.status()));
        await driver.release(context, { key, handle });
        await driver.release(context, { key, handle });`;
      const run = spawnSync("setpriv", ["--reuid=12345", "--regid=12345", "--clear-groups", process.execPath, "--input-type=module", "-e", script], { encoding: "utf8", cwd: "/" });
      expect(run.stderr).toBe("");
      expect(JSON.parse(run.stdout)).toMatchObject({ kind: "ended", exit: { kind: "exited", code: 0 }, sizes: { stdout: 3 } });
      expect(left(join(home, "leases", ".trash"))).toEqual([]);
      expect(existsSync("/etc/passwd")).toBe(true);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });

  it("takes up what a release that died left in the trash; old tombstones go", async () => {
    const [key, old, young] = [randomUUID(), randomUUID(), randomUUID()];
    hostileTree(join(root, ".trash", `${randomUUID()}.x`), "/");
    for (const name of [old, young]) await release(name, 1, localDriver({ root, installation }));
    const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1000);
    utimesSync(join(root, old), yesterday, yesterday);
    await release(key, 1, localDriver({ root, installation }));
    expect(left(join(root, ".trash"))).toEqual([]);
    expect(existsSync(join(root, old))).toBe(false);
    expect(existsSync(join(root, young))).toBe(true);
  });
});

describe("session", () => {
  it("works with a handle that went through JSON, and with a driver of another process", async () => {
    const key = randomUUID();
    const handle: unknown = JSON.parse(JSON.stringify((await acquire(key)).handle));
    const session = await localDriver({ root, installation }).session(callContext(), { key, handle });
    const place = executionPlace(session, randomUUID());
    await place.start(first, command(["pwd"]));
    expect((await output(place)).stdout.toString()).toBe(`${join(root, key, "workspace")}\n`);
  });

  it("an unknown version of a handle is refused", async () => {
    const key = randomUUID();
    await acquire(key);
    for (const handle of [null, {}, { v: 2 }, { v: 1, more: true }, "x"]) {
      await expect(driver.session(callContext(), { key, handle })).rejects.toMatchObject({ kind: "invalid", code: "handle_version_unknown" });
    }
    await release(key);
  });

  it("of a resource that is gone: gone, also when it goes while the session is held", async () => {
    const key = randomUUID();
    const { handle } = await acquire(key);
    const session = await driver.session(callContext(), { key, handle });
    await release(key);
    await expect(driver.session(callContext(), { key, handle })).rejects.toMatchObject({ kind: "gone" });
    const place = executionPlace(session, randomUUID());
    await expect(place.start(first, command(["true"]))).rejects.toMatchObject({ kind: "gone" });
    await expect(place.plant(first)).rejects.toMatchObject({ kind: "gone" });
    expect(await place.status()).toEqual({ kind: "gone" });
  });

  it("the PATH it was told", async () => {
    const key = randomUUID();
    const told = localDriver({ root, installation, path: "/opt/x:/bin" });
    const { handle } = await acquire(key, 1, told);
    expect((await told.session(callContext(), { key, handle })).env).toEqual({ PATH: "/opt/x:/bin" });
  });
});

describe("I14: inventory", () => {
  it("I14: exactly ours; what cannot be read is left out", async () => {
    const keys = [randomUUID(), randomUUID()].toSorted();
    for (const key of keys) await acquire(key);
    const others = localDriver({ root, installation: "others" });
    await others.acquire(callContext(), { key: randomUUID(), config: {}, labels: { installation: "others", company: "acme", run: null }, expiresAt });
    mkdirSync(join(root, randomUUID(), "control"), { recursive: true });
    const broken = randomUUID();
    mkdirSync(join(root, broken, "control"), { recursive: true });
    writeFileSync(join(root, broken, "control", "marker"), "{");
    await release(randomUUID());
    expect(await listed()).toEqual(keys);
  });

  it("I14: a listing that fails is not an empty one", async () => {
    rmSync(root, { recursive: true });
    await expect(listed()).rejects.toMatchObject({ kind: "transient" });
    expect(await driver.inspect(callContext(), { key: randomUUID(), handle: { v: 1 } })).toBe("unknown");
  });
});

describe("the rest", () => {
  it("inspect, extend, config", async () => {
    const key = randomUUID();
    const { handle } = await acquire(key);
    expect(await driver.inspect(callContext(), { key, handle })).toBe("up");
    expect(await driver.inspect(callContext(), { key: randomUUID(), handle })).toBe("gone");
    expect(await driver.extend(callContext(), { key, handle }, expiresAt)).toBe(expiresAt);
    expect(driver.config.safeParse({}).success).toBe(true);
    expect(driver.config.safeParse({ host: "x" }).success).toBe(false);
  });

  it("a probe says what is right, and what to do about what is wrong", async () => {
    const good = await driver.probe(callContext(), {});
    expect(good).toMatchObject({ ok: true });
    expect(good.diagnostics.map((d) => d.check)).toEqual(["root", "tools", "space", "proc"]);
    const nowhere = localDriver({ root: join(root, "new", "leases"), installation });
    rmSync(join(root, "new"), { recursive: true });
    expect((await nowhere.probe(callContext(), {})).ok).toBe(true);
    expect(existsSync(join(root, "new"))).toBe(false);
  });

  it("the registry finds a driver by its backend, and refuses one that could forget", () => {
    expect(driverRegistry([driver]).get("local")).toBe(driver);
    expect(driverRegistry([driver]).backends).toEqual(["local"]);
    expect(() => driverRegistry([driver]).get("ssh")).toThrow(expect.objectContaining({ kind: "invalid", code: "unsupported_environment" }));
    expect(() => driverRegistry([{ ...driver, inventory: null }])).toThrow(/inventory/);
    expect(() => driverRegistry([{ ...driver, inventory: null, facts: { ...driver.facts, maxTtlMs: 1000 } }])).not.toThrow();
    expect(() => driverRegistry([driver, driver])).toThrow(/two drivers/);
  });
});

/** Directories without any permission, with things in them, and links that lead out. */
function hostileTree(path: string, outside: string): void {
  mkdirSync(join(path, "a", "b"), { recursive: true });
  writeFileSync(join(path, "a", "b", "c"), "");
  symlinkSync(outside, join(path, "a", "out"));
  symlinkSync("/", join(path, "slash"));
  execFileSync("chmod", ["000", join(path, "a", "b"), join(path, "a")]);
}
