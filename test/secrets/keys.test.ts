import { chmod, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSecrets } from "../../src/app/secrets.ts";
import { readConfig } from "../../src/config.ts";
import { openDatabase, type Database } from "../../src/db/client.ts";
import { ensureCompany } from "../../src/db/companies.ts";
import { keyUse } from "../../src/db/secret-keys.ts";
import { KnownValues } from "../../src/domain/known-values.ts";
import { createSecret } from "../../src/secrets/create.ts";
import { formatKeys, newMasterKey, readKeyFile } from "../../src/secrets/key-file.ts";
import { workerSecrets } from "../../src/secrets/lease-secrets.ts";
import type { SecretParts } from "../../src/secrets/parts.ts";
import { resealValues } from "../../src/secrets/reseal.ts";
import { rotateSecret } from "../../src/secrets/rotate.ts";
import { open, seal, versionBinding } from "../../src/secrets/seal.ts";
import { freshDatabase } from "../support/database.ts";
import { quietLog } from "../support/quiet-log.ts";
import { secretParts } from "../support/secrets.ts";
import { partsWith, writeKeys } from "./keys.ts";

let database: Database;
let directory: string;
let companyId: string;
let undo: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  const fresh = await freshDatabase();
  database = openDatabase(fresh.url, { name: "test", max: 4 });
  directory = await mkdtemp(join(tmpdir(), "leasehold-test-"));
  companyId = (await ensureCompany(database.db, "test")).id;
  undo = [() => database.close(), () => fresh.drop(), () => rm(directory, { recursive: true })];
});
afterEach(async () => {
  for (const step of undo) await step();
});

const reveal = async (parts: SecretParts, secretId: string, version: number | "latest" = "latest"): Promise<string> => {
  using secrets = workerSecrets(parts, "test").ofProbe(companyId);
  return secrets.reveal({ type: "secret_ref", secretId, version }, "probe");
};
const make = (parts: SecretParts, name: string, value = `value of ${name}`) => createSecret(parts, companyId, { name, value });
const used = async (): Promise<Record<string, number>> => Object.fromEntries((await keyUse(database.db)).map(({ id, values }) => [id, values]));

describe("a sealed value", () => {
  const key = newMasterKey();
  const binding = versionBinding("company", "secret", 1);

  it("opens where it was sealed for, and is another one each time", () => {
    const sealed = seal(key, "the value\n", binding);
    expect(open(key, sealed, binding)).toBe("the value\n");
    expect(sealed.equals(seal(key, "the value\n", binding))).toBe(false);
    expect(sealed.includes("the value")).toBe(false);
  });

  it.each([
    ["another company's", ["other", "secret", 1]],
    ["another secret's", ["company", "other", 1]],
    ["another version's", ["company", "secret", 2]],
    ["parts that read the same in a row", ["company", "secret1", ""]],
  ] as const)("I12: does not open in a row that is %s", (_what, [company, secret, version]) => {
    expect(() => open(key, seal(key, "value", binding), versionBinding(company, secret, version as number))).toThrow(expect.objectContaining({ kind: "refused", code: "secret_unreadable" }));
  });

  it("opens with no other key, and never after a byte of it was changed", () => {
    const sealed = seal(key, "value", binding);
    expect(() => open({ ...newMasterKey(), id: key.id }, sealed, binding)).toThrow(expect.objectContaining({ code: "secret_unreadable", message: expect.stringContaining(key.id) }));
    for (let i = 0; i < sealed.length; i++) {
      const changed = Buffer.from(sealed);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(() => open(key, changed, binding)).toThrow(expect.objectContaining({ code: "secret_unreadable" }));
    }
    for (const length of [0, 1, 12, 28]) expect(() => open(key, sealed.subarray(0, length), binding)).toThrow(expect.objectContaining({ code: "secret_unreadable" }));
  });
});

describe("a file of master keys", () => {
  it.each([0o640, 0o604, 0o660, 0o644])("is refused when others may read it: %o", async (mode) => {
    const path = join(directory, "keys");
    await writeKeys(path, [newMasterKey()]);
    await chmod(path, mode);
    await expect(readKeyFile(path)).rejects.toMatchObject({ kind: "refused", code: "master_key_exposed" });
  });

  it.each([
    ["nothing", ""],
    ["a key that is too short", "one c2hvcnQ=\n"],
    ["no id", `${newMasterKey().key.toString("base64")}\n`],
    ["an id twice", formatKeys([{ ...newMasterKey(), id: "a" }, { ...newMasterKey(), id: "a" }])],
  ])("is refused with %s, and none of it is repeated", async (_what, content) => {
    const path = join(directory, "keys");
    await writeFile(path, content, { mode: 0o600 });
    const error = await readKeyFile(path).catch((e: Error) => e);
    expect(error).toMatchObject({ kind: "refused", code: "master_key_malformed" });
    for (const word of content.split(/\s+/).filter((w) => w.length > 20)) expect((error as Error).message).not.toContain(word);
  });

  it("may have empty lines and remarks", async () => {
    const keys = [newMasterKey(), newMasterKey()];
    const path = join(directory, "keys");
    await writeFile(path, `# ours\n\n${formatKeys(keys)}`, { mode: 0o600 });
    expect((await readKeyFile(path)).keys).toEqual(keys);
  });
});

describe("a master key", () => {
  it("that is missing altogether: nothing can be kept, and it says which setting", async () => {
    await expect(make(secretParts(database.db), "a")).rejects.toMatchObject({ kind: "refused", code: "master_key_unconfigured", message: expect.stringContaining("LEASEHOLD_MASTER_KEY_FILE") });
  });

  it("that is lost: the error names it, and passes when it is put back", async () => {
    const old = newMasterKey();
    const { id } = await make(await partsWith(database.db, directory, old), "a");
    const path = join(directory, "lost");
    await writeKeys(path, [newMasterKey()]);
    const without = secretParts(database.db, path);
    await expect(reveal(without, id)).rejects.toMatchObject({ kind: "transient", code: "master_key_missing", message: expect.stringContaining(old.id) });
    await writeKeys(join(directory, "found"), [old]);
    await rename(join(directory, "found"), path);
    expect(await reveal(without, id)).toBe("value of a");
  });

  it("that is another one of the same name never gives garbage, and seals nothing", async () => {
    const right = newMasterKey();
    const { id } = await make(await partsWith(database.db, directory, right), "a");
    const wrong = await partsWith(database.db, directory, { ...newMasterKey(), id: right.id });
    await expect(reveal(wrong, id)).rejects.toMatchObject({ kind: "refused", code: "secret_unreadable", message: expect.stringContaining(right.id) });
    await expect(make(wrong, "b")).rejects.toMatchObject({ kind: "refused", code: "master_key_wrong", message: expect.stringContaining(right.id) });
    expect(await used()).toEqual({ [right.id]: 1 });
  });

  it("of a name that is new is not taken into use without one that opens what is there", async () => {
    const right = newMasterKey();
    await make(await partsWith(database.db, directory, right), "a");
    const stranger = newMasterKey();
    await expect(make(await partsWith(database.db, directory, stranger), "b")).rejects.toMatchObject({ code: "master_key_wrong", message: expect.stringContaining(right.id) });
    expect(await used()).toEqual({ [right.id]: 1 });
  });

  it("that is wrong is noticed when a process starts; none at all is only told", async () => {
    const right = newMasterKey();
    await make(await partsWith(database.db, directory, right), "a");
    const at = { db: database.db, known: new KnownValues(), log: quietLog };
    const path = join(directory, "wrong");
    await writeKeys(path, [{ ...newMasterKey(), id: right.id }]);
    const config = { ...readConfig({}), dataDir: directory };
    await expect(openSecrets({ ...config, masterKeyFile: path }, at)).rejects.toMatchObject({ kind: "refused", code: "master_key_unusable" });
    await writeKeys(path, [right]);
    await openSecrets({ ...config, masterKeyFile: path }, at);
    const lines: string[] = [];
    await openSecrets(config, { ...at, log: pino({ level: "warn" }, { write: (line: string) => void lines.push(line) }) });
    expect(lines.join("")).toContain("LEASEHOLD_MASTER_KEY_FILE");
  });
});

describe("rotation", () => {
  it("happens while processes run: the new key is noticed, what was sealed before opens, and is sealed anew", async () => {
    const path = join(directory, "keys");
    const [old, fresh] = [newMasterKey(), newMasterKey()];
    await writeKeys(path, [old]);
    const running = secretParts(database.db, path);
    const made = await Promise.all(Array.from({ length: 230 }, (_, i) => make(running, `s${i}`)));
    expect(await used()).toEqual({ [old.id]: 230 });

    await writeKeys(join(directory, "next"), [fresh, old]);
    await rename(join(directory, "next"), path);
    const first = made[0]?.id ?? "";
    await rotateSecret(running, companyId, first, "rotated");
    expect(await used()).toEqual({ [fresh.id]: 1, [old.id]: 230 });
    expect([await reveal(running, first, 1), await reveal(running, first)]).toEqual(["value of s0", "rotated"]);

    // Two reapers at once: each takes what the other has not got.
    const [one, two] = await Promise.all([resealValues({ db: database.db, ring: running.ring, log: quietLog }), resealValues({ db: database.db, ring: running.ring, log: quietLog })]);
    expect(one.sealed + two.sealed).toBe(230);
    expect(await used()).toEqual({ [fresh.id]: 231, [old.id]: 0 });

    await writeKeys(join(directory, "next"), [fresh]);
    await rename(join(directory, "next"), path);
    expect(await Promise.all(made.slice(0, 20).map(({ id }) => reveal(running, id, 1)))).toEqual(made.slice(0, 20).map(({ name }) => `value of ${name}`));
  });

  it("half done works on: a process that has not got the new key reads the old ones, and seals nothing that would be left behind", async () => {
    const [old, fresh] = [newMasterKey(), newMasterKey()];
    const before = await partsWith(database.db, directory, old);
    const a = await make(before, "a");
    const after = await partsWith(database.db, directory, fresh, old);
    const b = await make(after, "b");
    expect(await reveal(before, a.id)).toBe("value of a");
    await expect(make(before, "c")).rejects.toMatchObject({ kind: "transient", code: "master_key_missing", message: expect.stringContaining(fresh.id) });
    await expect(reveal(before, b.id)).rejects.toMatchObject({ code: "master_key_missing", message: expect.stringContaining(fresh.id) });
    // A reaper without the new key moves nothing back, one without the old key leaves what it cannot read.
    await expect(resealValues({ db: database.db, ring: before.ring, log: quietLog })).rejects.toMatchObject({ code: "master_key_missing" });
    expect(await resealValues({ db: database.db, ring: (await partsWith(database.db, directory, fresh)).ring, log: quietLog })).toEqual({ sealed: 0, unreadable: 0 });
    expect(await used()).toEqual({ [old.id]: 1, [fresh.id]: 1 });
    // One that knows it but lists it second, as one does before taking it into use, seals under the newest all the same.
    await make(await partsWith(database.db, directory, old, fresh), "d");
    expect(await used()).toEqual({ [old.id]: 1, [fresh.id]: 2 });
  });

  it("dying in the middle of a batch loses nothing", async () => {
    const [old, fresh] = [newMasterKey(), newMasterKey()];
    const before = await partsWith(database.db, directory, old);
    const made = await Promise.all([make(before, "a"), make(before, "b")]);
    const after = await partsWith(database.db, directory, fresh, old);
    const dying = { ...after.ring, find: async (): Promise<never> => Promise.reject(new Error("killed")) };
    await expect(resealValues({ db: database.db, ring: dying, log: quietLog })).rejects.toThrow("killed");
    expect(await used()).toEqual({ [old.id]: 2, [fresh.id]: 0 });
    await resealValues({ db: database.db, ring: after.ring, log: quietLog });
    expect(await Promise.all(made.map(({ id }) => reveal(after, id)))).toEqual(["value of a", "value of b"]);
  });

  it("passes by a value that was tampered with, and says which", async () => {
    const [old, fresh] = [newMasterKey(), newMasterKey()];
    const before = await partsWith(database.db, directory, old);
    const [a, b] = [await make(before, "a"), await make(before, "b")];
    await database.db.execute(sql`update secret_versions set sealed = (select sealed from secret_versions where secret_id = ${b.id}) where secret_id = ${a.id}`);
    const lines: string[] = [];
    const log = pino({ level: "error" }, { write: (line: string) => void lines.push(line) });
    const after = await partsWith(database.db, directory, fresh, old);
    expect(await resealValues({ db: database.db, ring: after.ring, log })).toEqual({ sealed: 1, unreadable: 1 });
    expect(lines.join("")).toContain(a.id);
    expect(await reveal(after, b.id)).toBe("value of b");
    await expect(reveal(after, a.id)).rejects.toMatchObject({ code: "secret_unreadable" });
  });
});
