import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { examine } from "../../src/app/doctor/doctor.ts";
import type { Finding } from "../../src/app/doctor/finding.ts";
import { node } from "../../src/app/doctor/machine.ts";
import { readConfig } from "../../src/config.ts";
import { openDatabase } from "../../src/db/client.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { leasehold } from "../cli/cli.ts";
import { type ApiServer, startApi } from "../http/api-server.ts";
import { freshDatabase, type OwnDatabase } from "../support/database.ts";
import { fakeEnvironment } from "../support/stack.ts";

let dataDir: string;
let server: ApiServer;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "leasehold-doctor-"));
  server = await startApi();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true });
});

const looked = (settings: Record<string, string>): Promise<Finding[]> => examine(readConfig({ PATH: process.env["PATH"], LEASEHOLD_DATA_DIR: dataDir, LEASEHOLD_CONFIG: "/dev/null", ...settings }));
const of = (found: readonly Finding[], subject: string): Finding[] => found.filter((one) => one.subject === subject);

describe("leasehold doctor finds", () => {
  it("that all is well", async () => {
    await insertEnvironment(server.db, server.acme.id, { ...fakeEnvironment({}), name: "served" });
    const found = await looked({ LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: server.acme.producer, DATABASE_URL: server.databaseUrl, REDIS_URL: inject("redisUrl") });
    expect(found.filter(({ state }) => state === "fault")).toEqual([]);
    expect(found.filter(({ state }) => state === "fine").map(({ subject }) => subject)).toEqual(expect.arrayContaining(["Node.js", "data directory", "Postgres", "Redis", "API", "token", "commands on this machine"]));
    // Nothing that is wrong goes without a remedy.
    expect(found.filter(({ state, remedy }) => state !== "fine" && (remedy ?? "") === "")).toEqual([]);
  });

  it("a Node.js that is too old", () => {
    expect(node("18.20.1")).toMatchObject({ state: "fault" });
    expect(node("20.18.3")).toMatchObject({ state: "fault" });
    expect(node("20.19.0")).toMatchObject({ state: "fine" });
    expect(node("22.0.0")).toMatchObject({ state: "fine" });
  });

  it("that no fleet runs here", async () => {
    expect(of(await looked({}), "fleet")).toEqual([expect.objectContaining({ state: "fault", remedy: expect.stringContaining("leasehold up") as string })]);
  });

  it("an API that is not there, or is something else", async () => {
    expect(of(await looked({ LEASEHOLD_URL: "http://127.0.0.1:1", LEASEHOLD_TOKEN: "t" }), "API")).toEqual([expect.objectContaining({ state: "fault" })]);
    const other = createServer((_request, response) => void response.end("<p>hello"));
    await new Promise<void>((resolve) => void other.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    expect(of(await looked({ LEASEHOLD_URL: url, LEASEHOLD_TOKEN: "t" }), "API")).toEqual([expect.objectContaining({ state: "fault", says: expect.stringContaining("no API of Leasehold") as string })]);
    other.close();
  });

  it("a token that is missing or not known", async () => {
    expect(of(await looked({ LEASEHOLD_URL: server.url }), "token")).toEqual([expect.objectContaining({ state: "fault", says: "there is none" })]);
    expect(of(await looked({ LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: "wrong" }), "token")).toEqual([expect.objectContaining({ state: "fault", says: "the API does not know it" })]);
  });

  it("a database that is away, of another user, empty or outdated", async () => {
    expect(of(await looked({ DATABASE_URL: "postgres://a@127.0.0.1:1/b" }), "Postgres")).toEqual([expect.objectContaining({ state: "fault", says: expect.stringContaining("ECONNREFUSED") as string })]);
    const wrong = new URL(inject("databaseUrl"));
    wrong.password = "wrong";
    expect(of(await looked({ DATABASE_URL: wrong.href }), "Postgres")).toEqual([expect.objectContaining({ state: "fault", says: expect.stringContaining("password") as string })]);
    expect(of(await looked({ DATABASE_URL: inject("databaseUrl") }), "schema")).toEqual([expect.objectContaining({ state: "fault", remedy: "leasehold migrate" })]);
    const newer: OwnDatabase = await freshDatabase();
    const opened = openDatabase(newer.url, { name: "test", max: 1 });
    await opened.db.execute(sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('later', 9999999999999)`);
    await opened.close();
    expect(of(await looked({ DATABASE_URL: newer.url }), "schema")).toEqual([expect.objectContaining({ state: "warning" })]);
    await newer.drop();
  });

  it("a Redis that is away, or may throw jobs away", async () => {
    expect(of(await looked({ REDIS_URL: "redis://127.0.0.1:1" }), "Redis")).toEqual([expect.objectContaining({ state: "fault", says: expect.stringContaining("ECONNREFUSED") as string })]);
    const redis = new Redis(inject("redisUrl"));
    await redis.config("SET", "maxmemory-policy", "allkeys-lru");
    try {
      expect(of(await looked({ REDIS_URL: inject("redisUrl") }), "Redis")).toEqual(expect.arrayContaining([expect.objectContaining({ state: "fault", remedy: expect.stringContaining("noeviction") as string })]));
    } finally {
      await redis.config("SET", "maxmemory-policy", "noeviction");
      redis.disconnect();
    }
  });

  it("master keys that others can read", async () => {
    const path = join(dataDir, "keys");
    await writeFile(path, "");
    await chmod(path, 0o644);
    expect(of(await looked({ LEASEHOLD_MASTER_KEY_FILE: path }), "master keys")).toEqual([expect.objectContaining({ state: "fault", remedy: expect.stringContaining("chmod") as string })]);
  });

  it("environments that nobody serves", async () => {
    await insertEnvironment(server.db, server.other.id, { ...fakeEnvironment({}), name: "lonely", backend: "sandbox-nowhere" });
    const found = await looked({ LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: server.other.operator });
    expect(of(found, "workers")).toEqual(expect.arrayContaining([expect.objectContaining({ state: "fault", says: expect.stringContaining("lonely") as string, remedy: "leasehold worker --backends sandbox-nowhere" })]));
  });

  it("says it to people and to programs, and ends with 1 when something does not work", async () => {
    const env = { LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: "wrong", LEASEHOLD_DATA_DIR: dataDir };
    const said = await leasehold(["doctor"], env);
    expect(said.code).toBe(1);
    expect(said.stdout).toMatch(/^fault +token +the API does not know it +set LEASEHOLD_TOKEN/m);
    const json = JSON.parse((await leasehold(["doctor", "--json"], env)).stdout) as { ok: boolean; findings: Finding[] };
    expect(json.ok).toBe(false);
    expect(json.findings).toContainEqual(expect.objectContaining({ subject: "token", state: "fault" }));
    const wrong = await leasehold(["doctor"], { ...env, LEASEHOLD_PORT: "no" });
    expect(wrong).toMatchObject({ code: 1, stdout: expect.stringMatching(/^fault +configuration +LEASEHOLD_PORT/m) as string });
  });
});
