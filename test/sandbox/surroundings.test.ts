import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allowedHostPaths } from "../../src/app/host-paths.ts";
import { nodeOutsideSystem } from "../../src/app/up/sandbox.ts";
import { type BubblewrapPlace, bubblewrapDriver } from "../../src/drivers/bubblewrap/driver.ts";
import { bubblewrapFolders } from "../../src/embedded/bubblewrap-folder.ts";
import { executionPlace } from "../../src/session/place.ts";
import { callContext, command, first, output, recorded, sh, spoken } from "../session/local-lease.ts";
import { eventually } from "../support/eventually.ts";
import { alive, processesOf } from "../support/processes.ts";

/** What is around a sandbox: how it is made, what it is given, who watches over it. */
const repository = fileURLToPath(new URL("../..", import.meta.url));
const installation = "ours";
let base: string;
beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), "leasehold-surroundings-")));
  await chmod(base, 0o755);
});
afterAll(() => rm(base, { recursive: true, force: true }));

const placeWith = (more: Partial<BubblewrapPlace> = {}): BubblewrapPlace => ({ root: join(base, "sandboxes"), installation, unpacked: bubblewrapFolders(), binds: [], network: false, ...more });
const labels = { installation, company: "acme", run: null };

async function leaseOf(place: BubblewrapPlace, config: Record<string, unknown> = {}) {
  const driver = bubblewrapDriver(place);
  const key = randomUUID();
  const { handle } = await driver.acquire(callContext(), { key, config: { provider: "bubblewrap", ...config }, labels, expiresAt: new Date() });
  return {
    key,
    /** As another worker opens it, that allows something else perhaps. */
    session: (by = place) => bubblewrapDriver(by).session(callContext(), { key, handle }),
    release: () => driver.release(callContext(9), { key, handle, config }),
  };
}

describe("what a command is given", () => {
  it("no descriptor that whoever started the worker left open in it: one of a directory would be a way out", async () => {
    await writeFile(join(base, "precious"), "precious");
    await chmod(join(base, "precious"), 0o644);
    const directory = openSync(base, "r");
    const task = {
      opening: { module: "dist/src/drivers/bubblewrap/driver.js", export: "bubblewrapDriver", argument: placeWith() },
      config: { provider: "bubblewrap" },
      script: "cat /proc/self/fd/*/precious /proc/1/fd/*/precious 2>&1; ls -l /proc/self/fd; echo done",
    };
    const stdio: ("ignore" | "pipe" | number)[] = Array.from({ length: 60 }, () => "ignore");
    stdio[1] = "pipe";
    stdio[2] = "pipe";
    for (const fd of [9, 30, 59]) stdio[fd] = directory;
    const said = spawnSync(process.execPath, [fileURLToPath(new URL("inheriting.mjs", import.meta.url)), JSON.stringify(task)], { cwd: repository, stdio, encoding: "utf8" });
    closeSync(directory);
    expect(said.stdout, said.stderr).toMatch(/done\n$/);
    expect(said.stdout).not.toMatch(/^precious/m);
    expect(said.stdout).not.toContain(`-> ${base}\n`);
  });
});

describe("what a command says of its end", () => {
  it.each(["exited 99999999999999999999999", "exited 256", "exited 08", "signalled 0", "signalled 65", "signalled 99999999999999999999999", "spawn enclosure exited 126", "spawn cwd exited 0"])(
    "I8: %s, which is no end, is taken for none",
    async (word) => {
      const lease = await leaseOf(placeWith());
      const execution = executionPlace(await lease.session(), randomUUID());
      await execution.start(first, sh(`echo '${word}' >/proc/1/fd/7; exit 9`));
      await output(execution);
      expect(await execution.status()).toMatchObject({ kind: "orphaned" });
      await lease.release();
    },
  );
});

describe("who watches over it", () => {
  it("I9: a sandbox ends with its supervisor, without anybody's kill", async () => {
    const lease = await leaseOf(placeWith());
    const session = await lease.session();
    const id = randomUUID();
    const execution = executionPlace(session, id);
    await execution.start(first, sh("setsid sleep 1000 & echo up; exec sleep 1000"));
    const directory = join(session.places.control, "x", id);
    await spoken(directory);
    expect(processesOf(id).length).toBeGreaterThan(2);
    process.kill(recorded(directory, "supervisor"), "SIGKILL");
    await eventually(() => expect(processesOf(id)).toEqual([]), { timeoutMs: 20_000 });
    expect(await execution.kill(first, 100)).toBe("verified");
    await lease.release();
  });

  it("I2: a release ends the supervisor too, one that does not answer as well", async () => {
    const lease = await leaseOf(placeWith());
    const session = await lease.session();
    const id = randomUUID();
    await executionPlace(session, id).start(first, sh("echo up; exec sleep 1000"));
    const directory = join(session.places.control, "x", id);
    await spoken(directory);
    const supervisor = recorded(directory, "supervisor");
    process.kill(supervisor, "SIGSTOP");
    await lease.release();
    expect(alive(supervisor)).toBe(false);
    expect(processesOf(id)).toEqual([]);
  });
});

describe("what a worker shows of the host", () => {
  it("a bind is what it led to when it was looked at, and looked at for each command", async () => {
    const allowed = join(base, "allowed");
    await mkdir(join(allowed, "tools"), { recursive: true });
    await writeFile(join(allowed, "tools", "tool"), "a tool");
    await mkdir(join(base, "other"));
    await writeFile(join(base, "other", "tool"), "precious");
    await symlink(join(allowed, "tools"), join(allowed, "link"));
    const place = placeWith({ binds: [allowed] });
    const lease = await leaseOf(place, { binds: [{ source: join(allowed, "link"), target: "/opt/tools" }] });
    const before = executionPlace(await lease.session(), randomUUID());
    const cat = command(["cat", "/opt/tools/tool"]);
    await rm(join(allowed, "link"));
    await symlink(join(base, "other"), join(allowed, "link"));
    await before.start(first, cat);
    expect((await output(before)).stdout.toString()).toBe("a tool");
    const after = executionPlace(await lease.session(), randomUUID());
    expect(() => after.check(cat)).toThrow(expect.objectContaining({ kind: "refused", code: "sandbox_bind_not_allowed" }));
    await expect(after.start(first, cat)).rejects.toMatchObject({ kind: "refused" });
    await lease.release();
  });

  it("what it does not allow any more, no command gets; one that runs can still be ended", async () => {
    const tools = join(base, "withdrawn");
    await mkdir(tools);
    const lease = await leaseOf(placeWith({ binds: [tools] }), { binds: [{ source: tools, target: "/opt/tools" }] });
    const id = randomUUID();
    const session = await lease.session();
    await executionPlace(session, id).start(first, sh("echo up; exec sleep 1000"));
    await spoken(join(session.places.control, "x", id));
    const elsewhere = await lease.session(placeWith());
    expect(() => executionPlace(elsewhere, randomUUID()).check(command(["true"]))).toThrow(expect.objectContaining({ code: "sandbox_bind_not_allowed" }));
    expect(await executionPlace(elsewhere, id).kill(first, 1000)).toBe("verified");
    await lease.release();
  });

  it("never its own data, whatever is allowed: not the directory, nothing in it, nothing around it", async () => {
    const dataDir = join(base, "data");
    await mkdir(join(dataDir, "postgres"), { recursive: true });
    await symlink(dataDir, join(base, "alias"));
    const place = placeWith({ root: join(dataDir, "sandboxes"), binds: [base], dataDir });
    const hostPaths = allowedHostPaths([base], join(base, "alias"));
    for (const source of [base, dataDir, join(dataDir, "postgres"), join(base, "alias", "postgres")]) {
      const refusal = await leaseOf(place, { binds: [{ source, target: "/opt/data" }] }).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ kind: "refused", code: "sandbox_bind_holds_data" });
      await expect(hostPaths.allow(source)).rejects.toMatchObject({ kind: "refused", code: "workspace_holds_data" });
    }
  });

  it("of its own Node the programs and packages, never the home they are in", async () => {
    const home = join(base, "home");
    const node = join(home, "bin", "node");
    await mkdir(join(home, "bin"), { recursive: true });
    await writeFile(node, "");
    expect(await nodeOutsideSystem(node)).toEqual([node]);
    await mkdir(join(home, "lib/node_modules/npm"), { recursive: true });
    expect(await nodeOutsideSystem(node)).toEqual([join(home, "bin"), join(home, "lib/node_modules")]);
    for (const system of ["/usr/bin/node", "/bin/node", "/odd:name/bin/node"]) expect(await nodeOutsideSystem(system)).toEqual([]);
  });
});
