import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cacheFolder } from "../../src/embedded/redis-binary.ts";
import { startTestServices } from "../../src/embedded/test-services.ts";
import { eventually } from "../support/eventually.ts";
import { command, query } from "./clients.ts";
import { startChild } from "./child.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "leasehold-testing-"));
  vi.stubEnv("DATABASE_URL", "");
  vi.stubEnv("REDIS_URL", "");
  vi.stubEnv("TMPDIR", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

describe("startTestServices", () => {
  it("gives each caller servers of its own and leaves nothing", async () => {
    const [one, other] = await Promise.all([startTestServices(), startTestServices()]);
    await query(one.databaseUrl, "create database a");
    expect(await query(other.databaseUrl, "select 1 from pg_database where datname = 'a'")).toEqual([]);
    await command(one.redisUrl, "set", "a", "1");
    expect(await command(other.redisUrl, "get", "a")).toBeNull();
    await Promise.all([one.stop(), other.stop()]);
    expect(await readdir(folder)).toEqual([]);
  });

  it("makes its template once although two begin at the same time", async () => {
    // With an empty cache for Postgres; Redis may lie only in the real one.
    vi.stubEnv("PATH", `${join(cacheFolder(), "redis")}:${process.env["PATH"]}`);
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
    const both = await Promise.all([startTestServices(), startTestServices()]);
    await Promise.all(both.map((one) => one.stop()));
    expect(await readdir(join(folder, "cache", "leasehold"))).toHaveLength(1);
  });

  it("uses the servers that DATABASE_URL and REDIS_URL name", async () => {
    vi.stubEnv("DATABASE_URL", "postgres://elsewhere/a");
    vi.stubEnv("REDIS_URL", "redis://elsewhere");
    expect(await startTestServices()).toMatchObject({ databaseUrl: "postgres://elsewhere/a", redisUrl: "redis://elsewhere" });
  });

  it("goes away with a process that was killed", async () => {
    const child = startChild(`
      import { startTestServices } from "./dist/src/embedded/test-services.js";
      console.log(JSON.stringify(await startTestServices()));
      setInterval(() => {}, 1000);
    `);
    const { redisUrl } = (await child.next()) as { redisUrl: string };
    expect(await command(redisUrl, "ping")).toBe("PONG");
    const [name = ""] = await readdir(folder);
    expect(name).toMatch(/^leasehold-test-/);
    child.kill();
    await child.ended;
    await eventually(() => expect(existsSync(join(folder, name))).toBe(false));
    await expect(command(redisUrl, "ping")).rejects.toThrow();
  });
});
