import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const text = await readFile(new URL("../../src/embedded/setup.sh", import.meta.url), "utf8");
const root = process.getuid?.() === 0;
let folder: string;
let home: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "leasehold-setup-"));
  home = join(folder, "home");
  await chmod(folder, 0o755);
  await mkdir(home);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Everything the script uses of the system. */
const tools = "sh id cut getent mkdir mktemp rm sed tail mv cat chmod dirname apt-get apt-config dpkg dpkg-deb tar sleep touch cp".split(" ");

/** A folder with links to the system's tools, and without any Redis; nor bubblewrap, which without uname is not looked for. */
async function systemWithoutRedis(without: readonly string[] = []): Promise<string> {
  const bin = await mkdtemp(join(folder, "bin-"));
  await chmod(bin, 0o755);
  for (const tool of tools.filter((one) => !without.includes(one))) {
    const place = ["/usr/bin", "/bin", "/usr/sbin"].map((at) => join(at, tool)).find(existsSync);
    if (place !== undefined) await symlink(place, join(bin, tool));
  }
  return bin;
}

/** Runs the script with an empty home. */
async function setup(path: string, { env = {}, prefix = [] }: { env?: NodeJS.ProcessEnv; prefix?: string[] } = {}): Promise<Ended> {
  // With a place for everybody of its own: this machine's may have what the tests want to see unpacked.
  const [file, ...args] = [...prefix, "/bin/sh", "-c", text.replaceAll("/var/cache/leasehold", shared())];
  return new Promise((resolve) => {
    execFile(file ?? "sh", args, { env: { HOME: home, PATH: path, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

/** A program of our own in a folder of its own, as a PATH entry. */
async function program(name: string, text: string): Promise<string> {
  const bin = await mkdtemp(join(folder, `${name}-`));
  await chmod(bin, 0o755);
  await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
  await chmod(join(bin, name), 0o755);
  return bin;
}

/** An apt-get that knows one tiny package with one program in it: no network. `updated` = only after `apt-get update`. */
async function fakeApt({ updated = false, name = "redis-server", brings = "redis-server" } = {}): Promise<string> {
  const tree = join(folder, "package");
  await mkdir(join(tree, "DEBIAN"), { recursive: true });
  await mkdir(join(tree, "usr", "bin"), { recursive: true });
  await writeFile(join(tree, "DEBIAN", "control"), `Package: ${name}\nVersion: 7\nArchitecture: all\nMaintainer: none\nDescription: test\n`);
  await writeFile(join(tree, "usr", "bin", brings), "#!/bin/sh\necho v=7\n");
  await chmod(join(tree, "usr", "bin", brings), 0o755);
  const deb = join(folder, `${name}.deb`);
  await new Promise<void>((resolve, reject) => {
    execFile("dpkg-deb", ["-b", tree, deb], (error) => (error === null ? resolve() : reject(error)));
  });
  return program(
    "apt-get",
    `case "$*" in
      *install*) ${updated ? `[ -e '${folder}/fresh' ] && ` : ""}echo "Inst ${name} (7 Debian:12 [all])" ;;
      *download*) cp '${deb}' . ;;
      *update*) ${updated ? `touch '${folder}/fresh'` : "exit 100"} ;;
    esac`,
  );
}

const shared = (): string => join(folder, "shared");
const unpacked = (): string => join(home, ".cache", "leasehold", "redis", "redis-server");
const cacheEntries = (): Promise<string[]> => readdir(join(home, ".cache", "leasehold"));

describe("setup.sh", () => {
  it("does nothing, without a word, when there is a Redis or REDIS_URL", async () => {
    const system = await systemWithoutRedis();
    const nothing = { code: 0, stdout: "", stderr: "" };
    expect(await setup(`${await program("redis-server", "echo v=7")}:${system}`)).toEqual(nothing);
    expect(await setup(`${await program("valkey-server", "echo v=8")}:${system}`)).toEqual(nothing);
    expect(await setup(system, { env: { REDIS_URL: "redis://elsewhere" } })).toEqual(nothing);
    expect(await readdir(home)).toEqual([]);
  });

  it("names the commands where there is no apt-get", async () => {
    const ended = await setup(await systemWithoutRedis(["apt-get"]));
    expect(ended.code).toBe(1);
    for (const command of ["apt-get install -y redis-server", "dnf install", "apk add", "brew install valkey", "REDIS_URL="]) {
      expect(ended.stderr).toContain(command);
    }
  });

  it("passes over a redis-server that does not run", async () => {
    const path = `${await program("redis-server", "exit 127")}:${await fakeApt()}:${await systemWithoutRedis()}`;
    expect(await setup(path)).toMatchObject({ code: 0, stderr: "" });
    expect(existsSync(unpacked())).toBe(true);
  });

  it("unpacks once, tidies up, and is silent the second time", async () => {
    const path = `${await fakeApt()}:${await systemWithoutRedis()}`;
    const first = await setup(path);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout.trim().split("\n")).toHaveLength(1);
    expect(await cacheEntries()).toEqual(["redis"]);
    const start = performance.now();
    expect(await setup(path)).toEqual({ code: 0, stdout: "", stderr: "" });
    // 10 ms on an idle machine.
    expect(performance.now() - start).toBeLessThan(500);
  });

  it("fetches fresh package lists when the system's do not do", async () => {
    const path = `${await fakeApt({ updated: true })}:${await systemWithoutRedis()}`;
    expect(await setup(path)).toMatchObject({ code: 0, stderr: "" });
    expect(existsSync(unpacked())).toBe(true);
  });

  it("replaces an unpacked one that does not run any more", async () => {
    await mkdir(join(home, ".cache", "leasehold", "redis"), { recursive: true });
    await writeFile(unpacked(), "#!/bin/sh\nexit 127\n", { mode: 0o755 });
    expect(await setup(`${await fakeApt()}:${await systemWithoutRedis()}`)).toMatchObject({ code: 0, stderr: "" });
    expect(await readFile(unpacked(), "utf8")).toContain("LD_LIBRARY_PATH");
    expect(await cacheEntries()).toEqual(["redis"]);
  });

  it("may run several times at once", async () => {
    const path = `${await fakeApt()}:${await systemWithoutRedis()}`;
    for (const ended of await Promise.all(Array.from({ length: 6 }, () => setup(path)))) {
      expect(ended).toMatchObject({ code: 0, stderr: "" });
    }
    expect(await cacheEntries()).toEqual(["redis"]);
  });

  it("says what to do when apt-get brings nothing", async () => {
    const path = `${await program("apt-get", "echo no network >&2; exit 100")}:${await systemWithoutRedis()}`;
    const ended = await setup(path);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/no network[^]*apt-get install -y redis-server/);
    expect(await cacheEntries()).toEqual([]);
  });

  it.each(root ? ["root", "an ordinary user"] : ["an ordinary user"])(
    "brings a real server as %s, or says what to do where the archives are out of reach",
    async (who) => {
      const other = root && who !== "root";
      if (other) await chown(home, 23_456, 23_456);
      const prefix = other ? ["/usr/bin/setpriv", "--reuid=23456", "--regid=23456", "--clear-groups"] : [];
      const ended = await setup(await systemWithoutRedis(), { prefix });
      if (ended.code === 0) {
        const version = await new Promise((resolve) => {
          execFile(prefix[0] ?? unpacked(), [...prefix.slice(1), ...(other ? [unpacked()] : []), "--version"], (_, stdout) => resolve(stdout));
        });
        expect(version).toMatch(/v=\d/);
      } else {
        expect(ended.stderr).toContain("apt-get install -y redis-server");
      }
    },
    30_000,
  );

  describe("bubblewrap", () => {
    const there = { REDIS_URL: "redis://elsewhere" };
    const bwrap = (): string => join(home, ".cache", "leasehold", "bubblewrap", "bwrap");
    const prefix = root ? ["/usr/bin/setpriv", "--reuid=23456", "--regid=23456", "--clear-groups"] : [];
    const system = async (): Promise<string> => {
      if (root) await chown(home, 23_456, 23_456);
      const bin = await systemWithoutRedis();
      await symlink("/usr/bin/uname", join(bin, "uname"));
      return bin;
    };

    it("is unpacked once where the system has none", async () => {
      const path = `${await fakeApt({ name: "bubblewrap", brings: "bwrap" })}:${await system()}`;
      expect(await setup(path, { env: there, prefix })).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("unpacking bwrap") });
      expect(existsSync(bwrap())).toBe(true);
      expect(await cacheEntries()).toEqual(["bubblewrap"]);
      expect(await setup(path, { env: there, prefix })).toEqual({ code: 0, stdout: "", stderr: "" });
    });

    it.runIf(root)("is unpacked for everybody as root, outside its home, and then found by others", async () => {
      const path = `${await fakeApt({ name: "bubblewrap", brings: "bwrap" })}:${await system()}`;
      expect(await setup(path, { env: there })).toMatchObject({ code: 0, stderr: "" });
      expect((await stat(join(shared(), "bubblewrap", "bwrap"))).mode & 0o005).toBe(0o005);
      expect((await stat(join(shared(), "bubblewrap"))).mode & 0o005).toBe(0o005);
      expect(await setup(path, { env: there, prefix })).toEqual({ code: 0, stdout: "", stderr: "" });
    });

    it("is left to the system where that has one", async () => {
      const path = `${await program("bwrap", "echo bubblewrap 0.8.0")}:${await system()}`;
      expect(await setup(path, { env: there, prefix })).toEqual({ code: 0, stdout: "", stderr: "" });
    });

    it("is not needed for anything but sandboxes: where it cannot be had, that is said and the rest goes on", async () => {
      const ended = await setup(`${await program("apt-get", "echo no network >&2; exit 100")}:${await system()}`, { env: there, prefix });
      expect(ended.code).toBe(0);
      expect(ended.stderr).toMatch(/no network[^]*no sandboxes here[^]*apt-get install -y bubblewrap/);
      expect(await cacheEntries()).toEqual([]);
    });
  });
});
