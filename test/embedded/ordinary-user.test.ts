import { execFileSync } from "node:child_process";
import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { identify } from "../../src/embedded/process-identity.ts";
import { cacheFolder, findRedis } from "../../src/embedded/redis-binary.ts";
import { as, homeOf, ordinaryUsers, type Readable, readableByAll } from "../support/ordinary-user.ts";
import { openingChild, startChild } from "./child.ts";
import type { Opened } from "./child.ts";
import { command, query } from "./clients.ts";

let readable: Readable;
beforeAll(async () => {
  readable = await readableByAll();
});
afterAll(() => readable.remove());

/** A home of that user, with the Redis that this machine has. */
async function homeWithRedis(user: number): Promise<string> {
  const home = await homeOf(user, readable);
  await mkdir(join(home, ".cache", "leasehold"), { recursive: true });
  const redis = await findRedis();
  if (redis.startsWith(cacheFolder())) execFileSync("cp", ["-Rp", dirname(redis), join(home, ".cache", "leasehold", "redis")]);
  const { uid, gid } = await stat(home);
  execFileSync("chown", ["-R", `${uid}:${gid}`, home]);
  return home;
}

describe("as an ordinary user", () => {
  it.each(ordinaryUsers)("opens the services, and attaches to them after a crash (%i)", async (user) => {
    const home = await homeWithRedis(user);
    const dataDir = join(home, "data");
    const options = { prefix: as(user), root: readable.repository, node: readable.node, env: { HOME: home, PATH: process.env["PATH"] } };
    const first = startChild(openingChild(dataDir), options);
    const opened = (await first.next()) as Opened;
    expect(await query(opened.databaseUrl, "select 1 as a")).toEqual([{ a: 1 }]);
    expect(await command(opened.redisUrl, "ping")).toBe("PONG");
    expect((await stat(`/proc/${opened.postgres}`)).uid).toBe(user);
    first.kill();
    await first.ended;

    const second = startChild(openingChild(dataDir).replace(/setInterval.*/, "await services.stop();"), options);
    expect(await second.next()).toEqual(opened);
    expect(await second.ended).toBe(0);
    expect(identify(opened.postgres)).toBeUndefined();
    expect(identify(opened.redis)).toBeUndefined();
  });
});
