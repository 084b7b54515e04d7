import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Driver } from "../../src/drivers/driver.ts";
import { localDriver } from "../../src/drivers/local/driver.ts";
import { driverRegistry } from "../../src/drivers/registry.ts";
import { callContext, installation } from "../session/local-lease.ts";

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
const release = (key: string, fence = 1, by = driver) => by.release(callContext(fence), { key, handle: null, config: {} });
const listed = async (by = driver): Promise<string[]> => {
  const keys: string[] = [];
  for await (const entry of by.inventory?.list(callContext()) ?? []) keys.push(entry.key);
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
});

describe("release", () => {
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
