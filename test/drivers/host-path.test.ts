import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { localDriver } from "../../src/drivers/local/driver.ts";
import { publishHostPath } from "../../src/drivers/host-directory/host-path.ts";
import type { Places, Session } from "../../src/session/session.ts";
import { callContext, installation } from "../session/local-lease.ts";

let base: string;
let source: string;
let session: Session;
let places: Places;

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), "host-path-"));
  source = join(base, "source");
  mkdirSync(source);
  const driver = localDriver({ root: join(base, "leases"), installation });
  const key = randomUUID();
  const { handle } = await driver.acquire(callContext(), { key, config: {}, labels: { installation, company: "c", run: null }, expiresAt: new Date() });
  session = await driver.session(callContext(), { key, handle });
  places = session.places;
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const publish = (caller = { fence: 1, offer: 1 }, from = source, signal = new AbortController().signal) => publishHostPath({ session, source: from, caller, signal });
const beside = () => readdirSync(join(places.workspace, "..")).toSorted();

it("copies files, modes, links and empty directories; links are not followed", async () => {
  writeFileSync(join(source, "tool"), "#!", { mode: 0o755 });
  writeFileSync(join(source, ".hidden 'name'\n"), "x", { mode: 0o600 });
  mkdirSync(join(source, "empty", "deeper"), { recursive: true });
  symlinkSync("/etc", join(source, "link"));
  symlinkSync("nowhere", join(source, "dangling"));
  linkSync(join(source, "tool"), join(source, "same"));
  await publish();
  expect(readdirSync(places.workspace).toSorted()).toEqual(readdirSync(source).toSorted());
  expect(lstatSync(join(places.workspace, "tool")).mode & 0o777).toBe(0o755);
  expect(lstatSync(join(places.workspace, ".hidden 'name'\n")).mode & 0o777).toBe(0o600);
  expect(readlinkSync(join(places.workspace, "link"))).toBe("/etc");
  expect(readlinkSync(join(places.workspace, "dangling"))).toBe("nowhere");
  expect(readdirSync(join(places.workspace, "empty"))).toEqual(["deeper"]);
  writeFileSync(join(places.workspace, "tool"), "changed");
  expect(readFileSync(join(source, "tool"), "utf8")).toBe("#!");
  expect(beside()).toEqual(["control", "home", "tmp", "workspace"]);
});

it("I10: a repetition changes nothing, not what the agent wrote meanwhile either", async () => {
  writeFileSync(join(source, "file"), "1");
  await publish();
  writeFileSync(join(places.workspace, "work"), "agent's");
  writeFileSync(join(source, "file"), "2");
  await publish();
  await publish({ fence: 1, offer: 2 });
  expect(readFileSync(join(places.workspace, "work"), "utf8")).toBe("agent's");
  expect(readFileSync(join(places.workspace, "file"), "utf8")).toBe("1");
  expect(beside()).toEqual(["control", "home", "tmp", "workspace"]);
});

it("a new tenure gets the new content", async () => {
  writeFileSync(join(source, "old"), "");
  await publish();
  rmSync(join(source, "old"));
  writeFileSync(join(source, "new"), "");
  await publish({ fence: 2, offer: 1 });
  expect(readdirSync(places.workspace)).toEqual(["new"]);
});

it("I5: an old fence publishes nothing", async () => {
  await publish({ fence: 3, offer: 1 });
  writeFileSync(join(source, "late"), "");
  await expect(publish({ fence: 2, offer: 9 })).rejects.toMatchObject({ kind: "stale" });
  expect(readdirSync(places.workspace)).toEqual([]);
  expect(beside()).toEqual(["control", "home", "tmp", "workspace"]);
});

it("several attempts at once end in one workspace", async () => {
  for (let i = 0; i < 200; i++) writeFileSync(join(source, `f${i}`), "x");
  await Promise.all([1, 2, 3, 4].map((offer) => publish({ fence: 1, offer }).catch((error: { kind: string }) => expect(error.kind).toBe("stale"))));
  expect(readdirSync(places.workspace)).toHaveLength(200);
  expect(beside()).toEqual(["control", "home", "tmp", "workspace"]);
});

it("what cannot be a workspace is refused by name", async () => {
  const file = join(source, "file");
  writeFileSync(file, "");
  await expect(publish(undefined, file)).rejects.toMatchObject({ kind: "invalid", code: "workspace_not_directory" });
  await expect(publish(undefined, join(base, "none"))).rejects.toMatchObject({ kind: "invalid", code: "workspace_not_found" });
  await expect(publish(undefined, base)).rejects.toMatchObject({ kind: "invalid", code: "workspace_holds_leases" });
  execFileSync("mkfifo", [join(source, "a pipe")]);
  await expect(publish()).rejects.toMatchObject({ kind: "invalid", code: "workspace_special_file", message: expect.stringContaining(join(source, "a pipe")) });
  expect(readdirSync(places.workspace)).toEqual([]);
});

it("can be called off, and leaves nothing behind", async () => {
  await expect(publish(undefined, source, AbortSignal.abort())).rejects.toMatchObject({ kind: "cancelled" });
  writeFileSync(join(source, "big"), Buffer.alloc(64 * 1024 * 1024));
  const controller = new AbortController();
  const published = publish(undefined, source, controller.signal).catch((error: { kind: string }) => error.kind);
  setImmediate(() => controller.abort());
  expect(await published).toBe("cancelled");
  expect(beside()).toEqual(["control", "home", "tmp", "workspace"]);
  await publish();
  expect(readdirSync(places.workspace)).toEqual(["big"]);
});

it("a read-only original gives a workspace that can be written to", async () => {
  writeFileSync(join(source, "file"), "");
  chmodSync(source, 0o555);
  await publish();
  expect(lstatSync(places.workspace).mode & 0o700).toBe(0o700);
  // An ordinary user could not clean it up otherwise.
  chmodSync(source, 0o755);
});
