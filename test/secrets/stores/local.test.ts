import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { storeReference } from "../../../src/domain/secret.ts";
import { openStores } from "../../../src/secrets/stores/open.ts";
import { readStoresFile } from "../../../src/secrets/stores/settings.ts";

let directory: string;
let root: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "leasehold-test-"));
  root = join(directory, "secrets");
  await mkdir(join(root, "acme", "deep"), { recursive: true });
  await mkdir(join(root, "other"));
  await writeFile(join(root, "acme", "token"), "acme's\n");
  await writeFile(join(root, "other", "token"), "other's");
  await writeFile(join(directory, "outside"), "outside's");
});
afterEach(() => rm(directory, { recursive: true }));

const variables: Record<string, string> = { ACME_TOKEN: "of acme", OTHER_TOKEN: "of other", DATABASE_URL: "postgres://x", LEASEHOLD_TOKEN: "ours" };
const stores = () =>
  openStores(
    {
      files: { type: "file", directory: root, grants: { acme: ["acme/*", "shared"], other: ["other/*"] } },
      vars: { type: "env", grants: { acme: ["ACME_*"], all: ["*"] } },
    },
    (name) => variables[name],
  );
const read = (company: string, store: string, path: string, key?: string): Promise<string> => {
  try {
    return stores().read(company, store, { path, ...(key === undefined ? {} : { key }) }, "latest", new AbortController().signal);
  } catch (error) {
    return Promise.reject(error as Error);
  }
};

describe("files", () => {
  it("give what is in them, newlines included", async () => {
    expect(await read("acme", "files", "acme/token")).toBe("acme's\n");
    await writeFile(join(root, "acme", "token"), "rotated");
    expect(await read("acme", "files", "acme/token")).toBe("rotated");
  });

  it("I12: of another company, or not granted, look like a store that is not there", async () => {
    const messages = await Promise.all([["acme", "files", "other/token"], ["acme", "files", "nobody"], ["acme", "nothing", "other/token"], ["stranger", "files", "acme/token"], ["constructor", "files", "acme/token"]].map(([company = "", store = "", path = ""]) => read(company, store, path).catch((e: unknown) => e)));
    for (const error of messages) expect(error).toMatchObject({ kind: "invalid", code: "secret_path_not_found", status: 404 });
  });

  it.each(["../outside", "acme/../other/token", "acme/./token", "/etc/passwd", "acme//token", "acme/token\0", "acme/%2e%2e/other/token", "acme/to ken", ""])("a path %j is no path", (path) => {
    expect(storeReference.safeParse({ path }).success).toBe(false);
  });

  it.each([
    ["another company's file", "../other/token"],
    ["a file outside", "../../outside"],
    ["a directory of another company", "../other"],
  ])("I12: a link to %s is denied", async (_what, target) => {
    await symlink(target, join(root, "acme", "link"));
    await expect(read("acme", "files", "acme/link")).rejects.toMatchObject({ kind: "refused", code: "secret_store_denied" });
  });

  it("a link to what the company may read leads there, as Kubernetes lays its own", async () => {
    await symlink("token", join(root, "acme", "link"));
    expect(await read("acme", "files", "acme/link")).toBe("acme's\n");
    await mkdir(join(root, "..2026_01_01"));
    await writeFile(join(root, "..2026_01_01", "shared"), "everybody's");
    await symlink("..2026_01_01", join(root, "..data"));
    await symlink("..data/shared", join(root, "shared"));
    expect(await read("acme", "files", "shared")).toBe("everybody's");
  });

  it("that are none are not there, and nobody waits for them", async () => {
    execFileSync("mkfifo", [join(root, "acme", "pipe")]);
    for (const path of ["acme/deep", "acme/pipe", "acme/nothing", "acme/token/below"]) await expect(read("acme", "files", path)).rejects.toMatchObject({ kind: "invalid", code: "secret_not_in_store" });
    await expect(read("acme", "files", "acme/token", "field")).rejects.toMatchObject({ code: "secret_not_in_store" });
  });

  it("that lead to themselves are denied", async () => {
    await symlink("link", join(root, "acme", "link"));
    await expect(read("acme", "files", "acme/link")).rejects.toMatchObject({ kind: "refused", code: "secret_store_denied" });
  });

  it("that are larger than a secret may be are read no further than it takes to say so", async () => {
    await writeFile(join(root, "acme", "large"), "x".repeat(3_000_000));
    expect((await read("acme", "files", "acme/large")).length).toBe(64 * 1024 + 1);
  });
});

describe("variables", () => {
  it("give what they hold, those that are granted", async () => {
    expect(await read("acme", "vars", "ACME_TOKEN")).toBe("of acme");
    await expect(read("acme", "vars", "OTHER_TOKEN")).rejects.toMatchObject({ code: "secret_path_not_found" });
    await expect(read("acme", "vars", "ACME_NOTHING")).rejects.toMatchObject({ kind: "invalid", code: "secret_not_in_store" });
  });

  it("of the fleet itself are not there, whatever is granted", async () => {
    expect(await read("all", "vars", "OTHER_TOKEN")).toBe("of other");
    for (const name of ["DATABASE_URL", "LEASEHOLD_TOKEN"]) await expect(read("all", "vars", name)).rejects.toMatchObject({ code: "secret_not_in_store" });
  });
});

describe("the operator's file of stores", () => {
  const written = async (content: string): Promise<string> => {
    const path = join(directory, "stores.json");
    await writeFile(path, content);
    return path;
  };

  it("says what there is, the rest by default", async () => {
    const vault = { type: "vault", url: "https://vault:8200", login: { method: "approle", roleId: "r", secretIdFile: "/s" } };
    expect(await readStoresFile(await written(JSON.stringify({ stores: { vault } })))).toEqual({ vault: { ...vault, mount: "secret", timeoutMs: 5000, grants: {}, login: { ...vault.login, mount: "approle" } } });
  });

  it.each([
    ["not JSON", "{", "secret_stores_unreadable"],
    ["a store of no known type", '{"stores": {"a": {"type": "gcp"}}}', "secret_stores_invalid"],
    ["the name of our own", '{"stores": {"sealed": {"type": "env"}}}', "secret_stores_invalid"],
    ["an unknown key", '{"stores": {"a": {"type": "env", "tokens": 1}}}', "secret_stores_invalid"],
    ["a directory that is not absolute", '{"stores": {"a": {"type": "file", "directory": "x"}}}', "secret_stores_invalid"],
  ])("is refused with %s", async (_what, content, code) => {
    await expect(readStoresFile(await written(content))).rejects.toMatchObject({ kind: "invalid", code });
  });
});
