import { execFileSync, spawnSync } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { identify } from "../../src/embedded/process-identity.ts";
import { cacheFolder, findRedis } from "../../src/embedded/redis-binary.ts";
import { openingChild, startChild } from "./child.ts";
import type { Opened } from "./child.ts";
import { command, query } from "./clients.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
/** Nameless, as users in containers often are. */
const nameless = 23_457;
/** `nobody` of every system. */
const named = 65_534;
let folder: string;
/** A repository and a node that the user can read. */
let readable: string;
let node: string;
/** As root: what makes a command run as another user. Otherwise we are an ordinary user ourselves. */
const root = process.getuid?.() === 0;
const as = (user: number): string[] => (root ? ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"] : []);

/** Whether the user can run this node with this repository: either may lie under a home that is closed to others. */
function works(candidate: string, repositoryRoot: string): boolean {
  const [file, ...args] = [...as(nameless), candidate, "-e", "require('pino')"];
  return spawnSync(file ?? candidate, args, { cwd: "/", env: { NODE_PATH: join(repositoryRoot, "node_modules") } }).status === 0;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "leasehold-user-"));
  await chmod(folder, 0o755);
  readable = repository;
  node = process.execPath;
  if (!works(node, readable)) {
    node = join(folder, "node");
    readable = join(folder, "repository");
    await cp(process.execPath, node);
    await mkdir(readable);
    for (const name of ["package.json", "node_modules", "dist"]) execFileSync("cp", ["-R", join(repository, name), readable]);
    expect(works(node, readable)).toBe(true);
  }
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A home of that user, with the Redis that this machine has. */
async function homeOf(user: number): Promise<string> {
  const home = join(folder, `home-${user}`);
  await mkdir(join(home, ".cache", "leasehold"), { recursive: true });
  const redis = await findRedis();
  if (redis.startsWith(cacheFolder())) execFileSync("cp", ["-Rp", dirname(redis), join(home, ".cache", "leasehold", "redis")]);
  if (root) execFileSync("chown", ["-R", `${user}:${user}`, home]);
  return home;
}

describe("as an ordinary user", () => {
  it.each(root ? [named, nameless] : [process.getuid?.() ?? 0])("opens the services, and attaches to them after a crash (%i)", async (user) => {
    const home = await homeOf(user);
    const dataDir = join(home, "data");
    const options = { prefix: as(user), root: readable, node, env: { HOME: home, PATH: process.env["PATH"] } };
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
  }, 30_000);
});
