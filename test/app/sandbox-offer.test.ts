import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { offerSandbox } from "../../src/app/up/sandbox.ts";
import { type Config, readConfig } from "../../src/config.ts";
import { openDatabase } from "../../src/db/client.ts";
import { ensureCompany, getCompany, setDefaultEnvironment } from "../../src/db/companies.ts";
import { type Environment, insertEnvironment, listEnvironments } from "../../src/db/environments.ts";
import { freshDatabase } from "../support/database.ts";
import { quietLog } from "../support/quiet-log.ts";
import { fakeEnvironment } from "../support/stack.ts";

let config: Config;
let database: ReturnType<typeof openDatabase>;
let companyId: string;
beforeEach(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "leasehold-offer-"));
  await chmod(dataDir, 0o711);
  config = { ...readConfig({ PATH: process.env["PATH"] }), dataDir };
  database = openDatabase((await freshDatabase()).url, { name: "test", max: 2 });
  companyId = (await ensureCompany(database.db, "test")).id;
});
afterEach(async () => {
  await database.close();
  await rm(config.dataDir, { recursive: true, force: true });
});

const offer = () => offerSandbox(config, database.db, companyId, quietLog);
const defaultId = async () => (await getCompany(database.db, companyId)).defaultEnvironmentId;
const sandbox = async (): Promise<Environment | undefined> => (await listEnvironments(database.db, companyId, { limit: 1, name: "sandbox" }))[0];

it("becomes the default with the environment or not at all: dying in between leaves no company without a sandbox", async () => {
  const failing = database.db.transaction.bind(database.db);
  const db = Object.assign(Object.create(database.db) as typeof database.db, {
    transaction: (work: Parameters<typeof failing>[0]) =>
      failing(async (tx) => {
        await work(tx);
        throw new Error("died");
      }),
  });
  await expect(offerSandbox(config, db, companyId, quietLog)).rejects.toThrow("died");
  expect(await sandbox()).toBeUndefined();
  expect((await offer()).faults).toEqual([]);
  expect(await defaultId()).toBe((await sandbox())?.id);
});

it("is made once by many machines at once", async () => {
  await Promise.all([offer(), offer(), offer()]);
  expect(await defaultId()).toBe((await sandbox())?.id);
});

it("leaves a default that somebody chose before", async () => {
  const { id } = await insertEnvironment(database.db, companyId, fakeEnvironment({}));
  await setDefaultEnvironment(database.db, companyId, id);
  await offer();
  expect(await sandbox()).toBeDefined();
  expect(await defaultId()).toBe(id);
});

it("says what is wrong with the environment that is there, which runs will get, and that the machine can hold others", async () => {
  const config = { provider: "bubblewrap", binds: [{ source: "/nowhere" }] };
  await insertEnvironment(database.db, companyId, { ...fakeEnvironment({}), name: "sandbox", backend: "sandbox-bubblewrap", config });
  expect(await offer()).toMatchObject({ faults: [], unusable: [{ ok: false, message: expect.stringContaining("/nowhere") as string }] });
});
