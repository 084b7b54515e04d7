import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { codeOf } from "../../src/cli/outcome-code.ts";
import { leasehold } from "./cli.ts";

const nowhere = { LEASEHOLD_URL: "http://127.0.0.1:1", LEASEHOLD_TOKEN: "t" };

describe("leasehold", () => {
  it("says its version", async () => {
    expect(await leasehold(["--version"])).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: "" });
  });

  it("explains every command and its exit codes, without a configuration", async () => {
    const all = await leasehold(["--help"], { LEASEHOLD_PORT: "nonsense" });
    expect(all.code).toBe(0);
    for (const word of ["run", "env", "lease", "up", "api", "worker", "reaper", "migrate", "token", "Exit codes:"]) expect(all.stdout).toContain(word);
    const run = await leasehold(["run", "--help"]);
    for (const word of ["list", "show", "logs", "cancel", "attach", "--timeout", "124"]) expect(run.stdout).toContain(word);
  });

  it.each([
    [["fly"], "unknown command 'fly'"],
    [["run"], "give the command to run after --"],
    [["run", "--"], "give the command to run after --"],
    [["run", "echo", "hi"], "stands after --"],
    [["run", "echo", "--", "hi"], "nothing but options may stand before --"],
    [["run", "list", "--", "x"], "takes no command"],
    [["run", "--timeout", "5", "--", "x"], "with its unit"],
    [["run", "--timeout", "-5s", "--", "x"], "with its unit"],
    [["run", "--env-var", "A", "--", "x"], "NAME=VALUE"],
    [["run", "--moon", "--", "x"], "unknown option '--moon'"],
    [["lease", "exec"], "give the command to run after --"],
    [["lease", "exec", "echo", "--", "hi"], "nothing but options may stand before --"],
    [["lease", "exec", "--lease", "x", "--env", "y", "--", "z"], "leave them out with --lease"],
    [["lease", "exec", "--max-life", "5", "--", "x"], "with its unit"],
    [["lease", "acquire", "x"], "too many arguments"],
    [["lease", "renew"], "missing required argument 'id'"],
    [["run", "show"], "missing required argument 'id'"],
    [["run", "logs", "x", "--offset", "5"], "--offset needs --stream"],
    [["run", "logs", "x", "--stream", "both"], "Allowed choices are stdout, stderr"],
    [["run", "list", "--limit", "0"], "whole number from 1"],
    [["worker"], "--backends"],
    [["worker", "--backends", "a,,b"], "separated by commas"],
    [["up", "--workers", "none"], "whole number"],
  ])("refuses %j", async (args, words) => {
    const { code, stderr, stdout } = await leasehold(args, nowhere);
    expect(stderr).toContain(words);
    expect([code, stdout]).toEqual([exitCodes.usage, ""]);
  });

  it.each([
    ["every fault of the configuration", ["run", "list"], { LEASEHOLD_PORT: "x", LEASEHOLD_URL: "ftp://x" }, exitCodes.config, [/LEASEHOLD_PORT/, /LEASEHOLD_URL/]],
    ["a fleet that does not run", ["run", "list"], {}, exitCodes.unavailable, [/leasehold up/, /LEASEHOLD_URL/, /LEASEHOLD_TOKEN/]],
    ["an API without a token for it", ["run", "list"], { LEASEHOLD_URL: "http://127.0.0.1:1" }, exitCodes.config, [/LEASEHOLD_TOKEN/]],
    ["an API that is not there", ["run", "list"], nowhere, exitCodes.unavailable, [/127\.0\.0\.1:1 cannot be reached/]],
    ["a worker without services", ["worker", "--backends", "local"], {}, exitCodes.config, [/DATABASE_URL/, /REDIS_URL/]],
    ["a migration without a database", ["migrate"], {}, exitCodes.config, [/DATABASE_URL/]],
    ["a token without a database", ["token", "--company", "c", "--name", "n"], {}, exitCodes.config, [/DATABASE_URL/]],
    ["a file that is not there", ["run", "--stdin", "/nonexistent", "--", "x"], nowhere, exitCodes.usage, [/nonexistent/]],
  ])("tells of %s", async (_what, args, env, expected, words) => {
    const { code, stderr, stdout } = await leasehold(args, env);
    for (const word of words) expect(stderr).toMatch(word);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect([code, stdout]).toEqual([expected, ""]);
  });

  it("never sends this machine's token to the API of somebody else", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "leasehold-cli-"));
    await writeFile(join(dataDir, "token"), "lh_local");
    const { code, stderr } = await leasehold(["run", "list"], { LEASEHOLD_DATA_DIR: dataDir, LEASEHOLD_URL: "http://127.0.0.1:1" });
    await rm(dataDir, { recursive: true });
    expect(code).toBe(exitCodes.config);
    expect(stderr).toContain("LEASEHOLD_TOKEN");
  });
});

describe("I8: the exit code of a run", () => {
  it.each([
    [{ kind: "exited", code: 0 }, 0],
    [{ kind: "exited", code: 255 }, 255],
    [{ kind: "signalled", signal: "SIGKILL" }, 137],
    [{ kind: "signalled", signal: "SIGTERM" }, 143],
    [{ kind: "signalled", signal: "SIGWHATEVER" }, 255],
    [{ kind: "timed_out" }, 124],
    [{ kind: "cancelled" }, 130],
    [{ kind: "lease_ended" }, 125],
    [{ kind: "not_started", reason: "queue_timeout" }, 125],
    [{ kind: "lost" }, 125],
  ] as const)("of %j is %i", (outcome, code) => {
    expect(codeOf(outcome)).toBe(code);
  });
});
