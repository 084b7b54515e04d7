import { eq } from "drizzle-orm";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Environment, Probe, Run } from "../../src/client/index.ts";
import { setDefaultEnvironment } from "../../src/db/companies.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { findRequest } from "../../src/db/runs.ts";
import { environments } from "../../src/db/schema.ts";
import type { DriverKind } from "../../src/domain/driver-kind.ts";
import { type ApiServer, startApi } from "../http/api-server.ts";
import { type ApiWorker, startWorker } from "../http/api-worker.ts";
import { leasehold, start } from "./cli.ts";

let server: ApiServer;
let env: Record<string, string>;
let folder: string;
beforeAll(async () => {
  server = await startApi();
  env = { LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: server.acme.producer };
  folder = await mkdtemp(join(tmpdir(), "leasehold-cli-"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  await server.db.delete(environments);
});

const make = (name: string, driver: DriverKind, status: "active" | "archived" = "active") =>
  insertEnvironment(server.db, server.acme.id, { name, description: null, driver, backend: driver, config: {}, envVars: {}, maxLeases: null, metadata: {} }).then(async (made) => {
    await server.db.update(environments).set({ status }).where(eq(environments.id, made.id));
    return made;
  });

describe("leasehold env probe", () => {
  it("says at once that nobody is there to look", async () => {
    await make("here", "local");
    expect(await leasehold(["env", "probe", "here"], env)).toMatchObject({ code: 75, stdout: "", stderr: expect.stringContaining("leasehold worker --backends local") });
  });

  it("names the environment whose name is written otherwise", async () => {
    await make("here", "local");
    expect(await leasehold(["env", "probe", "HERE"], env)).toMatchObject({ code: 66, stderr: "leasehold: no environment has the id or name HERE; there is here\n" });
  });

  it("tells what a worker saw, to people and to programs, and ends with 0 or 1", async () => {
    const worker: ApiWorker = await startWorker(server);
    try {
      await make("here", "local");
      const good = await leasehold(["env", "probe", "here"], env);
      expect([good.code, good.stderr]).toEqual([0, ""]);
      expect(good.stdout).toMatch(/^CHECK +RESULT +MESSAGE\nroot +ok +\/.*\ntools +ok +all tools are there\n/);
      expect(good.stdout).toMatch(/It can be used: this machine can hold leases\. Checked on .+ in \d/);
      const unsaved = await leasehold(["env", "probe", "--driver", "local", "--json"], env);
      expect([unsaved.code, (JSON.parse(unsaved.stdout) as Probe).ok]).toEqual([0, true]);

      const root = join(worker.dataDir, "leases");
      await rm(root, { recursive: true });
      await writeFile(root, "in the way", { mode: 0o600 });
      const bad = await leasehold(["env", "probe", "here"], env);
      expect([bad.code, bad.stderr]).toEqual([1, ""]);
      expect(bad.stdout).toMatch(/root +failed +.+ cannot be written to\n +-> give this user write permission/);
      expect(bad.stdout).toMatch(/It cannot be used: .+ cannot be written to/);
      const json = await leasehold(["env", "probe", "here", "--json"], env);
      expect([json.code, (JSON.parse(json.stdout) as Probe).ok]).toEqual([1, false]);
    } finally {
      await worker[Symbol.asyncDispose]();
    }
  });

  it.each([
    [["env", "probe", "nothing"], 66, "no environment has the id or name nothing"],
    [["env", "probe", "--driver", "local", "--config", '{"moon": 1}'], 65, "config.moon"],
    [["env", "probe"], 64, "--driver"],
    [["env", "probe", "here", "--driver", "local"], 64, "not both"],
    [["env", "probe", "here", "--config", "{}"], 64, "not both"],
    [["env", "probe", "--driver", "sandbox"], 64, "needs --provider"],
  ])("%j ends with %i", async (args, expected, words) => {
    const { code, stdout, stderr } = await leasehold(args, env);
    expect(stderr).toContain(words);
    expect([code, stdout]).toEqual([expected, ""]);
  });
});

describe("leasehold env create", () => {
  const create = (...args: string[]) => leasehold(["env", "create", "box", ...args], env);

  it.each([
    [["--driver", "sandbox"], "--driver sandbox needs --provider"],
    [["--driver", "local", "--provider", "bubblewrap"], "--provider is for --driver sandbox"],
    [["--driver", "sandbox", "--provider", "fake", "--config", '{"provider":"bubblewrap"}'], "say it once"],
    [["--config", "{"], "--config is not JSON"],
    [["--config", "[]"], "must be a JSON object"],
    [["--config", "null"], "must be a JSON object"],
    [["--config-file", "/nonexistent"], "--config-file: ENOENT"],
    [["--config", "{}", "--config-file", "-"], "cannot be used with option"],
  ])("refuses %j before anybody is asked", async (args, words) => {
    const { code, stdout, stderr } = await leasehold(["env", "create", "box", ...args], { ...env, LEASEHOLD_URL: "http://127.0.0.1:1" });
    expect(stderr).toContain(words);
    expect([code, stdout]).toEqual([64, ""]);
  });

  it("sends the config wherever it came from, and the API names what is wrong with it", async () => {
    const file = join(folder, "config.json");
    await writeFile(file, '{"moon": 1}');
    for (const args of [["--config", '{"moon": 1}'], ["--config-file", file]]) {
      expect(await create(...args)).toMatchObject({ code: 65, stderr: expect.stringContaining("config.moon") });
    }
    const typed = start(["env", "create", "box", "--config-file", "-"], env);
    typed.child.stdin.end('{"moon": 1}');
    expect(await typed.ended).toMatchObject({ code: 65, stderr: expect.stringContaining("config.moon") });
    expect(await create("--driver", "sandbox", "--provider", "nobody")).toMatchObject({ code: 65, stderr: expect.stringContaining("sandbox-nobody") });
    expect((await create("--config", "{}")).code).toBe(0);
  });

  it("shows how in its help", async () => {
    expect((await leasehold(["env", "create", "--help"])).stdout).toContain("leasehold env create sandbox --driver sandbox --provider bubblewrap");
  });
});

describe("leasehold env default, list, show", () => {
  it("chooses the environment of runs that name none, and marks it", async () => {
    await make("here", "local");
    const far = await make("far", "ssh");
    expect((await leasehold(["env", "default"], env)).stdout).toContain("no default environment");
    expect(await leasehold(["env", "default", "far"], env)).toEqual({ code: 0, stdout: `Runs that name no environment get far (${far.id}).\n`, stderr: "" });
    expect((await leasehold(["env", "list"], env)).stdout).toMatch(/far +ssh +active +unbounded +yes .*\nhere +local +active +unbounded +- /);
    expect((await leasehold(["env", "show", "far"], env)).stdout).toMatch(/Default +yes/);
    expect((await leasehold(["env", "show", "here"], env)).stdout).not.toContain("Default");
    expect(JSON.parse((await leasehold(["env", "default", "--none", "--json"], env)).stdout)).toEqual({ environment: null });
    expect((await leasehold(["env", "list"], env)).stdout).not.toContain("yes");
    expect((await leasehold(["env", "default", "nothing"], env)).code).toBe(66);
    expect(await leasehold(["env", "default", "far", "--none"], env)).toMatchObject({ code: 64, stderr: expect.stringContaining("not both") });
  });

  it("lists those of a driver, and shows a config", async () => {
    await make("here", "local");
    const far = await make("far", "ssh");
    await server.db.update(environments).set({ config: { host: "far.example\u009b31m" } }).where(eq(environments.id, far.id));
    expect((JSON.parse((await leasehold(["env", "list", "--driver", "ssh", "--json"], env)).stdout) as Environment[]).map((e) => e.name)).toEqual(["far"]);
    expect((await leasehold(["env", "list", "--driver", "plugin"], env)).stdout).toBe("There are no environments of driver plugin.\n");
    const shown = (await leasehold(["env", "show", "far"], env)).stdout;
    expect(shown).toMatch(/Config +\{"host":"far\.example.+31m"\}/);
    expect(shown).not.toContain("\u009b");
  });
});

describe("leasehold run --driver", () => {
  const run = (...args: string[]) => leasehold(["run", ...args, "--detach", "--json", "--", "true"], env);
  /** The environment that the run asked for. */
  const named = async (...args: string[]): Promise<string | undefined> => {
    const { stdout } = await run(...args);
    return (await findRequest(server.db, (JSON.parse(stdout) as Run).id))?.environment.executionWorkspace;
  };

  it("takes the only active environment of that kind", async () => {
    await make("near", "ssh");
    const only = await make("box", "sandbox");
    await make("old", "sandbox", "archived");
    expect(await named("--driver", "sandbox")).toBe(only.id);
  });

  it("takes the company's default if it is of that kind, and asks for a choice if not", async () => {
    const [one, two] = [await make("one", "sandbox"), await make("it's", "sandbox")];
    const several = await run("--driver", "sandbox");
    expect(several).toMatchObject({ code: 64, stdout: "" });
    const { detail } = JSON.parse(several.stderr) as { detail: string };
    expect(detail.split("\n").toSorted()).toEqual(["  --env 'it'\\''s'", "  --env one", "there are 2 environments of driver sandbox; choose one with --env:"]);
    await setDefaultEnvironment(server.db, server.acme.id, two.id);
    expect(await named("--driver", "sandbox")).toBe(two.id);
    expect(await named("--env", "one")).toBe(one.id);
  });

  it("says how to make one when there is none", async () => {
    await make("old", "sandbox", "archived");
    expect(await run("--driver", "sandbox")).toMatchObject({ code: 66, stdout: "", stderr: expect.stringContaining("leasehold env create sandbox --driver sandbox --provider bubblewrap") });
    expect(await run("--driver", "ssh")).toMatchObject({ code: 66, stderr: expect.stringContaining("leasehold env create ssh --driver ssh") });
  });

  it("names nothing for this machine while the company has no local environment, unless its default is of another kind", async () => {
    expect(await named("--driver", "local")).toBeUndefined();
    const far = await make("far", "ssh");
    await setDefaultEnvironment(server.db, server.acme.id, far.id);
    expect(await run("--driver", "local")).toMatchObject({ code: 66, stderr: expect.stringContaining("leasehold env create local --driver local") });
    const here = await make("here", "local");
    expect(await named("--driver", "local")).toBe(here.id);
  });

  it.each([
    [["--driver", "local", "--env", "x"], "cannot be used with option"],
    [["--driver", "moon"], "Allowed choices are local, ssh, sandbox, plugin"],
  ])("refuses %j", async (args, words) => {
    expect(await run(...args)).toMatchObject({ code: 64, stdout: "", stderr: expect.stringContaining(words) });
  });
});
