import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { childEnvironment, findConfig, readConfig, settings } from "../src/config.ts";
import { explain } from "../src/config/explain.ts";
import { LeaseholdError } from "../src/domain/errors.ts";
import { leasehold } from "./cli/cli.ts";

let home: string;
let file: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "leasehold-config-"));
  file = join(home, ".config/leasehold/config.json");
  await mkdir(dirname(file), { recursive: true });
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function write(content: unknown, mode = 0o600): Promise<void> {
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
  await chmod(file, mode);
}
const read = (env: NodeJS.ProcessEnv = {}) => readConfig({ HOME: home, ...env });

/** What is wrong, a line each, without the file's name. */
function faults(env: NodeJS.ProcessEnv = {}): string[] {
  try {
    read(env);
  } catch (error) {
    if (!(error instanceof LeaseholdError)) throw error;
    expect(error.code).toBe("configuration_invalid");
    for (const { field } of error.faults) expect(error.message).toContain(field);
    return error.faults.map(({ field, message }) => `${field} ${message}`.replaceAll(file, "FILE"));
  }
  return [];
}

describe("a configuration file", () => {
  it("says what the environment would, in JSON's own types, and the environment counts more", async () => {
    await write({ port: 8500, host: "0.0.0.0", dataDir: "/srv/leasehold", workspacePaths: ["/a", "/b"], logLevel: "debug", pool: 3, fakeProvider: null });
    expect(read()).toMatchObject({ port: 8500, host: "0.0.0.0", dataDir: "/srv/leasehold", workspacePaths: ["/a", "/b"], logLevel: "debug", pool: 3, fakeProvider: undefined });
    expect(read({ LEASEHOLD_PORT: "1", LEASEHOLD_WORKSPACE_PATHS: "/c", LEASEHOLD_HOST: "" })).toMatchObject({ port: 1, host: "0.0.0.0", workspacePaths: ["/c"] });
  });

  it("is one that is named, or the user's, by XDG_CONFIG_HOME or HOME; the directory one is in does not count", async () => {
    await write({ port: 1 });
    const other = join(home, "other.json");
    await writeFile(other, '{"port": 2}');
    await mkdir(join(home, "xdg/leasehold"), { recursive: true });
    await writeFile(join(home, "xdg/leasehold/config.json"), '{"port": 3}');
    expect(read().port).toBe(1);
    expect(read({ LEASEHOLD_CONFIG: other }).port).toBe(2);
    expect(read({ XDG_CONFIG_HOME: join(home, "xdg") }).port).toBe(3);
    expect(read({ XDG_CONFIG_HOME: "xdg" }).port).toBe(1);
    expect(read({ LEASEHOLD_CONFIG: "/dev/null" }).port).toBe(8420);
    expect(readConfig({}).port).toBe(8420);
    expect(findConfig({ HOME: home }).files.map(({ path }) => path)).toEqual([file, "/etc/leasehold/config.json"]);
  });

  it("that is empty or not there says nothing", async () => {
    expect(faults()).toEqual([]);
    await write("\n");
    expect(read().port).toBe(8420);
  });

  it("all faults are told at once, with the file and the nearest name, also of what another place overrides", async () => {
    await write({ databseUrl: "x", port: "eighty", workspacePaths: ["relative"], dataDir: "~/x", host: { a: 1 }, satellite: 1, LEASEHOLD_PORT: 1, config: "/x" });
    expect(faults({ LEASEHOLD_PORT: "70000", LEASEHOLD_PROT: "1", LEASEHOLD_LOG_LEVEL: "loud" })).toEqual([
      "LEASEHOLD_PROT is not known here; did you mean LEASEHOLD_PORT?",
      "FILE: databseUrl is not known here; did you mean databaseUrl?",
      "FILE: workspacePaths must be a list of absolute paths, without colons",
      "FILE: dataDir must be an absolute path",
      "FILE: host must be a text or a number",
      "FILE: satellite is not known here; remove it or correct its name",
      "FILE: LEASEHOLD_PORT is not known here; remove it or correct its name",
      "FILE: config is not known here; remove it or correct its name",
      "LEASEHOLD_PORT must be a whole number from 0 to 65535",
      expect.stringMatching(/^LEASEHOLD_LOG_LEVEL Invalid option: expected one of "trace"/),
      "FILE: port must be a whole number from 0 to 65535",
    ]);
  });

  it.each([
    ["a list", "[]", "must be a JSON object"],
    ["null", "null", "must be a JSON object"],
    ["half a text", '{"token": "lh_hush', "is not JSON"],
    ["a comma too many", '{\n"token": "lh_hush",\n}', "is not JSON: line 3 cannot be read"],
    ["another encoding", Buffer.from([0x7b, 0xff, 0x7d]), "is not text in UTF-8"],
    ["a megabyte", `{"host": "${"x".repeat(1024 * 1024)}"}`, "has 1048588 bytes; that is no configuration"],
  ])("that holds %s is met with what is wrong, and quotes nothing of it", async (_what, content, words) => {
    await writeFile(file, content);
    const [fault, ...others] = faults();
    expect(others).toEqual([]);
    expect(fault).toContain(`FILE ${words}`);
    expect(fault).not.toContain("hush");
  });

  it("that cannot be read, or is none, is a fault; a pipe is not waited for", async () => {
    expect(faults({ LEASEHOLD_CONFIG: join(home, "nowhere") })).toEqual([`${join(home, "nowhere")} is not there; LEASEHOLD_CONFIG names it`]);
    expect(faults({ LEASEHOLD_CONFIG: home })).toEqual([`${home} is not a file`]);
    execFileSync("mkfifo", [join(home, "pipe")]);
    expect(faults({ LEASEHOLD_CONFIG: join(home, "pipe") })).toEqual([`${join(home, "pipe")} is not a file`]);
  });

  it("I11: with something secret in it is for its owner's eyes only", async () => {
    const secrets = { token: "lh_hush", databaseUrl: "postgres://u:hush@db/x", redisUrl: "redis://:hush@r:6379", contexts: { a: { url: "https://a.example", token: "hush" } } };
    await write(secrets, 0o640);
    expect(faults().map((fault) => fault.replace(/^FILE: (\S+) is secret.*$/, "$1"))).toEqual(["token", "databaseUrl", "redisUrl", "contexts.a.token"]);
    expect(faults().join()).not.toContain("hush");
    expect(faults()[0]).toBe("FILE: token is secret, and others may read the file; chmod 600 FILE");
    await write(secrets);
    expect(faults()).toEqual([]);
    await write({ databaseUrl: "postgres://u@db/x", port: 1, contexts: { a: { url: "https://a.example" } } }, 0o644);
    expect(faults()).toEqual([]);
    await write({ port: 1 }, 0o666);
    expect(faults()).toEqual(["FILE can be changed by other users; chmod go-w FILE"]);
  });
});

describe("an address and a token", () => {
  it("go together: a token is for the address that stands with it, or below it", async () => {
    await write({ url: "https://mine.example", token: "mine" });
    expect(read()).toMatchObject({ url: "https://mine.example", token: "mine" });
    expect(read({ LEASEHOLD_TOKEN: "other" })).toMatchObject({ url: "https://mine.example", token: "other" });
    // The token on file is none of the other address's business.
    expect(read({ LEASEHOLD_URL: "https://other.example" })).toMatchObject({ url: "https://other.example", token: undefined });
    const { code, stderr } = await leasehold(["run", "list"], { HOME: home, LEASEHOLD_CONFIG: "", LEASEHOLD_URL: "http://127.0.0.1:1" });
    expect(code).toBe(78);
    expect(stderr).toContain("LEASEHOLD_TOKEN");
  });

  it("have a name as a context, which a file or the environment chooses", async () => {
    const contexts = { a: { url: "https://a.example", token: "ta" }, b: { url: "https://b.example" } };
    await write({ contexts, context: "a" });
    expect(read()).toMatchObject({ url: "https://a.example", token: "ta" });
    expect(read({ LEASEHOLD_CONTEXT: "b", LEASEHOLD_TOKEN: "tb" })).toMatchObject({ url: "https://b.example", token: "tb" });
    expect(read({ LEASEHOLD_CONTEXT: "b" })).toMatchObject({ url: "https://b.example", token: undefined });
    expect(read({ LEASEHOLD_URL: "https://c.example" })).toMatchObject({ url: "https://c.example", token: undefined });
    expect(faults({ LEASEHOLD_CONTEXT: "c" })).toEqual(["LEASEHOLD_CONTEXT there is no context c; there are a, b"]);
    expect(faults({ LEASEHOLD_CONTEXT: "a", LEASEHOLD_URL: "https://c.example" })).toEqual(["LEASEHOLD_CONTEXT names an API, and so does LEASEHOLD_URL; say one of them"]);
    await write({ contexts: { a: { url: "ftp://x", tokn: 1 }, b: 3 } });
    expect(faults()).toEqual([
      "FILE: contexts.a.url must look like http://127.0.0.1:8420",
      expect.stringMatching(/^FILE: contexts\.b Invalid input/),
    ]);
  });
});

it("a process of ours gets what was found, and looks nowhere else", async () => {
  await write({ contexts: { a: { url: "https://a.example", token: "t" } }, context: "a", port: 8500, fakeProvider: "/tmp/fake" });
  const env = childEnvironment({ ...read(), fakeProvider: undefined }, { HOME: home, LEASEHOLD_CONTEXT: "a" });
  expect(readConfig(env)).toMatchObject({ port: 8500, fakeProvider: undefined, url: undefined });
});

describe("leasehold config", () => {
  const config = (...args: string[]) => leasehold(["config", ...args], { HOME: home, LEASEHOLD_CONFIG: "", LEASEHOLD_DATA_DIR: "", LEASEHOLD_POOL: "4" });

  it("shows every setting with its source, and nothing secret", async () => {
    await write({ token: "lh_hush", databaseUrl: "postgres://u:hush@db:5432/x", port: 8500 });
    const shown = await config("show");
    expect([shown.code, shown.stderr]).toEqual([0, ""]);
    expect(shown.stdout).not.toContain("hush");
    expect(shown.stdout).toMatch(new RegExp(`port +8500 +${file} +LEASEHOLD_PORT\n`));
    expect(shown.stdout).toMatch(/pool +4 +environment +LEASEHOLD_POOL\n/);
    expect(shown.stdout).toMatch(/databaseUrl +postgres:\/\/u:\*+@db:5432\/x +/);
    const told = JSON.parse((await config("show", "--json")).stdout) as { settings: { variable: string }[]; files: unknown };
    expect(told.settings.map(({ variable }) => variable)).toEqual(Object.keys(settings.shape));
    expect(told.files).toEqual([{ path: file, state: "read" }, { path: "/etc/leasehold/config.json", state: "absent" }]);
    expect(explain(settings.shape, findConfig({}), {}).find(({ variable }) => variable === "LEASEHOLD_DATA_DIR")).toEqual({ key: "dataDir", variable: "LEASEHOLD_DATA_DIR", value: null, source: "default" });
  });

  it("shows what is wrong beside it", async () => {
    await write({ port: "eighty" });
    const shown = await config("show");
    expect(shown.code).toBe(78);
    expect(shown.stdout).toMatch(/port +eighty/);
    expect(shown.stderr).toContain(`${file}: port must be a whole number`);
  });

  it("chooses a context, and leaves everything else in the file, its mode too", async () => {
    await write({ contexts: { production: { url: "https://p.example", token: "t" } }, port: 1 });
    expect(await config("use", "production")).toMatchObject({ code: 0, stdout: "From now on commands go to production (https://p.example).\n" });
    expect(JSON.parse(await readFile(file, "utf8"))).toEqual({ contexts: { production: { url: "https://p.example", token: "t" } }, port: 1, context: "production" });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await config("use", "prduction")).toMatchObject({ code: 66, stderr: expect.stringContaining("did you mean production?") as string });
    expect((await config("use", "--none", "--json")).stdout).toBe(`${JSON.stringify({ context: null, file })}\n`);
    expect(read().url).toBeUndefined();
    expect((await config("use")).code).toBe(64);
    await write("{broken");
    expect((await config("use", "--none")).code).toBe(78);
    expect(await readFile(file, "utf8")).toBe("{broken");
  });
});
