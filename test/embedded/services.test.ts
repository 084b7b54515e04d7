import { readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import postgres from "postgres";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { identify } from "../../src/embedded/process-identity.ts";
import { processesIn } from "../../src/embedded/processes-in.ts";
import { openServices } from "../../src/embedded/services.ts";
import type { Services } from "../../src/embedded/services.ts";
import { eventually } from "../support/eventually.ts";
import { command, query } from "./clients.ts";
import { openingChild, startChild } from "./child.ts";
import type { Opened } from "./child.ts";

const log = pino({ level: "silent" });
let dataDir: string;
let opened: Services[] = [];

const open = async (): Promise<Services> => {
  const services = await openServices({ dataDir, log });
  opened.push(services);
  return services;
};
const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

beforeEach(async () => {
  // A blank and a quote, because a home may have them in its name.
  dataDir = join(await mkdtemp(join(tmpdir(), "leasehold-services-")), "it's data");
});
afterEach(async () => {
  await Promise.all(opened.map((one) => one.stop()));
  opened = [];
  await rm(join(dataDir, ".."), { recursive: true, force: true });
});

describe("openServices", () => {
  it("keeps data, ports and passwords over a stop", async () => {
    const first = await open();
    await query(first.databaseUrl, "create table kept as select 'ä' as word");
    await command(first.redisUrl, "set", "kept", "ä");
    await first.stop();
    expect(identify(first.postgres.pid)).toBeUndefined();
    expect(identify(first.redis.pid)).toBeUndefined();

    const second = await open();
    expect(second.databaseUrl).toBe(first.databaseUrl);
    expect(second.redisUrl).toBe(first.redisUrl);
    expect(await query(second.databaseUrl, "select word, lower('Ä') low from kept")).toEqual([{ word: "ä", low: "ä" }]);
    expect(await command(second.redisUrl, "get", "kept")).toBe("ä");
  });

  it("takes another port when a stranger has the kept one", async () => {
    const first = await open();
    await query(first.databaseUrl, "create table kept (a int)");
    await first.stop();
    const strangers = await Promise.all(
      [first.databaseUrl, first.redisUrl].map(async (url) => {
        const stranger = createServer();
        await new Promise<void>((resolve) => stranger.listen(Number(new URL(url).port), "127.0.0.1", resolve));
        return stranger;
      }),
    );
    const second = await open();
    for (const stranger of strangers) stranger.close();
    expect(second.databaseUrl).not.toBe(first.databaseUrl);
    expect(second.redisUrl).not.toBe(first.redisUrl);
    expect(await query(second.databaseUrl, "select * from kept")).toEqual([]);
    expect(await command(second.redisUrl, "ping")).toBe("PONG");
  });

  it("shows passwords and data to nobody else", async () => {
    const services = await open();
    expect(mode(dataDir)).toBe("711");
    for (const name of ["postgres", "redis"]) {
      expect(mode(join(dataDir, name))).toBe("700");
      expect(mode(join(dataDir, name, "password"))).toBe("600");
      expect(mode(join(dataDir, name, "log"))).toBe("600");
      expect(mode(join(dataDir, name, "data"))).toBe("700");
    }
    expect(mode(join(dataDir, "redis", "redis.conf"))).toBe("600");
    const passwords = [services.databaseUrl, services.redisUrl].map((url) => new URL(url).password);
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      let told = "";
      try {
        told = readFileSync(`/proc/${pid}/cmdline`, "utf8") + readFileSync(`/proc/${pid}/environ`, "utf8");
      } catch {
        continue; // Ended meanwhile, or not ours to read.
      }
      for (const password of passwords) expect(told.includes(password), `process ${pid}`).toBe(false);
    }
    await expect(query(services.databaseUrl.replace(passwords[0] ?? "", "wrong"), "select 1")).rejects.toThrow(/password/);
    await expect(command(services.redisUrl.replace(passwords[1] ?? "", "wrong"), "ping")).rejects.toThrow();
  });

  it("stops although clients are busy", async () => {
    const services = await open();
    const sql = postgres(services.databaseUrl, { max: 2, onnotice: () => undefined });
    const busy = [sql`select pg_sleep(100)`, sql`select pg_sleep(100)`].map((one) => one.then(String, String));
    await eventually(async () =>
      expect(await query(services.databaseUrl, "select 1 from pg_stat_activity where query like '%pg_sleep(100)%' and pid <> pg_backend_pid()")).toHaveLength(2),
    );
    await services.stop();
    await Promise.all(busy);
    await sql.end({ timeout: 0 });
    expect(await processesIn(join(dataDir, "postgres", "data"), ["postgres"])).toEqual([]);
  });

  it("kills a server that does not even hear", async () => {
    const services = await open();
    process.kill(services.redis.pid, "SIGSTOP");
    await services.stop();
    expect(identify(services.redis.pid)).toBeUndefined();
  });

  it("starts a killed Postgres again with the same URL and what was committed", async () => {
    const services = await open();
    const before = services.postgres.pid;
    await query(services.databaseUrl, "create table kept as select 1 as a");
    process.kill(before, "SIGKILL");
    expect(await eventually(() => query(services.databaseUrl, "select a from kept"))).toEqual([{ a: 1 }]);
    await eventually(() => expect(services.postgres.pid).not.toBe(before));
    // And once more: the first time is no exception.
    process.kill(services.postgres.pid, "SIGKILL");
    expect(await eventually(() => query(services.databaseUrl, "select a from kept"))).toEqual([{ a: 1 }]);
  });

  it("starts Postgres again although a backend of the dead one is busy", async () => {
    const services = await open();
    const before = services.postgres.pid;
    const sql = postgres(services.databaseUrl, { max: 1, onnotice: () => undefined });
    // Never waits for anything, so it does not notice the postmaster's death by itself.
    const busy = sql`select count(*) from generate_series(1, 100000000000)`.then(String, String);
    await eventually(async () =>
      expect(await query(services.databaseUrl, "select 1 from pg_stat_activity where query like '%generate_series%' and pid <> pg_backend_pid()")).toHaveLength(1),
    );
    process.kill(before, "SIGKILL");
    expect(await eventually(() => query(services.databaseUrl, "select 1 as a"))).toEqual([{ a: 1 }]);
    await busy;
    await sql.end({ timeout: 0 });
  });

  it("starts a killed Redis again with the same URL and what was answered", async () => {
    const services = await open();
    const before = services.redis.pid;
    await command(services.redisUrl, "set", "kept", "1");
    process.kill(before, "SIGKILL");
    expect(await eventually(() => command(services.redisUrl, "get", "kept"))).toBe("1");
    await eventually(() => expect(services.redis.pid).not.toBe(before));
  });

  it("stops a server that died a moment ago, too", async () => {
    const services = await open();
    process.kill(services.postgres.pid, "SIGKILL");
    process.kill(services.redis.pid, "SIGKILL");
    await services.stop();
    expect(await processesIn(join(dataDir, "postgres", "data"), ["postgres"])).toEqual([]);
    expect(await processesIn(join(dataDir, "redis", "data"), ["redis-server"])).toEqual([]);
  });

  it("attaches to servers whose owner was killed", async () => {
    const child = startChild(openingChild(dataDir));
    const left = (await child.next()) as Opened;
    child.kill();
    await child.ended;
    const services = await open();
    expect(services.databaseUrl).toBe(left.databaseUrl);
    expect(services.redisUrl).toBe(left.redisUrl);
    expect(services.postgres.pid).toBe(left.postgres);
    expect(services.redis.pid).toBe(left.redis);
    // Also these are watched.
    process.kill(left.redis, "SIGKILL");
    expect(await eventually(() => command(services.redisUrl, "ping"))).toBe("PONG");
  });

  it("recovers when the owner and both servers were killed", async () => {
    const child = startChild(openingChild(dataDir));
    const left = (await child.next()) as Opened;
    await query(left.databaseUrl, "create table kept as select 1 as a");
    await command(left.redisUrl, "set", "kept", "1");
    for (const pid of [child.pid, left.postgres, left.redis]) process.kill(pid, "SIGKILL");
    await child.ended;
    const services = await open();
    expect(services.databaseUrl).toBe(left.databaseUrl);
    expect(await query(services.databaseUrl, "select a from kept")).toEqual([{ a: 1 }]);
    expect(await command(services.redisUrl, "get", "kept")).toBe("1");
  });

  it("recovers at whatever moment of its first start the owner was killed", async () => {
    for (const afterMs of [150, 250, 350, 450, 550]) {
      const child = startChild(openingChild(dataDir));
      // The moment is the point of this test: it is spread over the start, not waited for.
      setTimeout(() => child.kill(), afterMs);
      await child.ended;
    }
    const services = await open();
    expect(await query(services.databaseUrl, "select 1 as a")).toEqual([{ a: 1 }]);
    expect(await command(services.redisUrl, "ping")).toBe("PONG");
    await services.stop();
    expect(readdirSync(join(dataDir, "postgres")).filter((name) => name.includes(".new-"))).toEqual([]);
  });

  it("starts although the pid in a stale postmaster.pid belongs to another program now", async () => {
    const child = startChild(openingChild(dataDir));
    const left = (await child.next()) as Opened;
    for (const pid of [child.pid, left.postgres, left.redis]) process.kill(pid, "SIGKILL");
    await child.ended;
    const lockFile = join(dataDir, "postgres", "data", "postmaster.pid");
    await eventually(async () => expect(await processesIn(join(dataDir, "postgres", "data"), ["postgres"])).toEqual([]));
    const lock = await readFile(lockFile, "utf8");
    // Two strangers: ourselves for Postgres, whoever started us for Redis.
    await writeFile(lockFile, lock.replace(/^\d+/, String(process.pid)));
    await writeFile(join(dataDir, "redis", "data", "redis.pid"), `${process.ppid}\n`);
    const services = await open();
    expect(await query(services.databaseUrl, "select 1 as a")).toEqual([{ a: 1 }]);
    expect(await command(services.redisUrl, "ping")).toBe("PONG");
  });

  it("gives the start up when told to, and leaves nothing running", async () => {
    const stop = new AbortController();
    stop.abort();
    await expect(openServices({ dataDir, log, signal: stop.signal })).rejects.toMatchObject({ kind: "cancelled" });
    expect(await processesIn(join(dataDir, "postgres", "data"), ["postgres"])).toEqual([]);
    expect(await processesIn(join(dataDir, "redis", "data"), ["redis-server"])).toEqual([]);
  });
});

describe("without a Redis to run", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("says how to get one, and leaves no Postgres behind", async () => {
    const empty = join(dataDir, "..", "empty");
    await mkdir(empty);
    vi.stubEnv("PATH", empty);
    vi.stubEnv("XDG_CACHE_HOME", empty);
    const failure = openServices({ dataDir, log });
    await expect(failure).rejects.toMatchObject({ kind: "refused", code: "redis_unavailable" });
    await expect(failure).rejects.toThrow(/npm run setup.*apt-get install redis-server.*brew install valkey.*REDIS_URL/);
    expect(await processesIn(join(dataDir, "postgres", "data"), ["postgres"])).toEqual([]);
  });
});
