import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { complete, type Names } from "../../src/cli/complete.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { type ApiServer, startApi } from "../http/api-server.ts";
import { fakeEnvironment } from "../support/stack.ts";
import { leasehold } from "./cli.ts";
import { inertProgram } from "./walk.ts";

const run = promisify(execFile);

describe("what may come next", () => {
  const names: Names = async (of) => [`one of ${of}`, "other"].map((word) => ({ word, meaning: "" }));
  const words = async (...typed: string[]): Promise<string[]> => (await complete(inertProgram(), typed, names)).map(({ word }) => word);

  it("is a command, also of a group", async () => {
    expect(await words("")).toEqual(expect.arrayContaining(["run", "env", "lease", "up", "down", "doctor", "completion"]));
    expect(await words("do")).toEqual(["down", "doctor"]);
    expect(await words("env", "un")).toEqual(["unarchive"]);
  });

  it("is an option of the command that is typed, and of no other", async () => {
    expect(await words("lease", "list", "--st")).toEqual(["--state"]);
    expect(await words("up", "--")).toEqual(["--workers", "--json", "--help"]);
  });

  it("is one of the words that an option or an argument takes", async () => {
    expect(await words("completion", "z")).toEqual(["zsh"]);
    expect(await words("run", "--driver", "")).toEqual(["local", "ssh", "sandbox", "plugin"]);
  });

  it("is a name that there is, where one is wanted", async () => {
    expect(await words("run", "--env", "")).toEqual(["one of --env", "other"]);
    expect(await words("run", "--priority", "3", "--env", "one")).toEqual(["one of --env"]);
    expect(await words("env", "show", "")).toEqual(["one of env show", "other"]);
    expect(await words("env", "show", "ci", "")).toEqual([]);
  });

  it("is anything after --, and nothing that we know", async () => {
    expect(await words("run", "--", "")).toEqual([]);
    expect(await words("nonsense", "")).toEqual([]);
  });
});

describe("a shell", () => {
  let server: ApiServer;
  let folder: string;
  let env: Record<string, string>;
  beforeAll(async () => {
    server = await startApi();
    for (const name of ["staging", "with space", "$(touch hacked)"]) await insertEnvironment(server.db, server.acme.id, { ...fakeEnvironment({}), name });
    folder = await mkdtemp(join(tmpdir(), "leasehold-completion-"));
    await mkdir(join(folder, "bin"));
    await writeFile(join(folder, "bin/leasehold"), `#!/bin/sh\nexec ${process.execPath} ${resolve(import.meta.dirname, "../../dist/bin/leasehold.js")} "$@"\n`);
    await chmod(join(folder, "bin/leasehold"), 0o755);
    env = { PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`, LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: server.acme.producer, LEASEHOLD_CONFIG: "/dev/null", HOME: folder };
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  /** What bash itself would offer with the cursor behind the last word. */
  async function offered(...typed: string[]): Promise<string[]> {
    const script = `source <(leasehold completion bash); COMP_WORDS=(leasehold "$@"); COMP_CWORD=$#; _leasehold; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run("bash", ["--norc", "-c", script, "bash", ...typed], { env, cwd: folder });
    return stdout.split("\n").filter((line) => line !== "");
  }

  it("is told by its own script to complete commands and names, as it would have to be typed", async () => {
    expect(await offered("reco")).toEqual(["reconcile"]);
    expect(await offered("env", "show", "sta")).toEqual(["staging"]);
    expect(await offered("run", "--env", "wi")).toEqual(["with\\ space"]);
  });

  it("runs nothing that stands in a name or on the line", async () => {
    expect(await offered("run", "--env", "$(")).toEqual(["\\$\\(touch\\ hacked\\)"]);
    expect(await offered("run", "$(touch hacked)", "")).toEqual([]);
    expect((await run("ls", [folder])).stdout).toBe("bin\n");
  });

  it("hears nothing where the API cannot be asked", async () => {
    expect(await leasehold(["complete", "--", "run", "--env", ""], { LEASEHOLD_URL: "http://127.0.0.1:1", LEASEHOLD_TOKEN: "none" })).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it.each(["bash", "zsh", "fish"])("%s has a script, and programs get it in JSON", async (shell) => {
    const { stdout } = await leasehold(["completion", shell]);
    expect(stdout).toContain("leasehold complete --");
    expect(JSON.parse((await leasehold(["completion", shell, "--json"])).stdout)).toEqual({ shell, script: stdout.trimEnd() });
  });
});
