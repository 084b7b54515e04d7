import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { insertEnvironment } from "../../src/db/environments.ts";
import { type ApiServer, startApi } from "../http/api-server.ts";
import { executing } from "../http/run-states.ts";
import { fakeEnvironment } from "../support/stack.ts";
import { leasehold, start } from "./cli.ts";
import { onTerminal } from "./terminal.ts";

let server: ApiServer;
let env: Record<string, string>;
beforeAll(async () => {
  server = await startApi();
  env = { LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: server.acme.producer };
  await insertEnvironment(server.db, server.acme.id, { ...fakeEnvironment({}), name: "Builder" });
});
afterAll(() => server[Symbol.asyncDispose]());

const escape = "\u001b[";

describe("colours", () => {
  it.each([
    ["are for terminals", [], {}, true],
    ["are not for terminals that have none", [], { TERM: "dumb" }, false],
    ["are taken away by NO_COLOR", [], { NO_COLOR: "1" }, false],
    ["are taken away by --no-color", ["--no-color"], {}, false],
  ] as const)("%s", async (_what, options, more, expected) => {
    for (const args of [["env", "list", ...options], [...options, "env", "list"]]) {
      const { code, lines } = await onTerminal(args, 80, { ...env, ...more });
      expect([code, lines.join("\n").includes(escape)]).toEqual([0, expected]);
      expect(stripVTControlCharacters(lines.join("\n"))).toMatch(/^NAME +BACKEND/);
    }
  });

  it("are not for files, unless FORCE_COLOR says so", async () => {
    expect((await leasehold(["env", "list"], env)).stdout).not.toContain(escape);
    expect((await leasehold(["env", "list"], { ...env, FORCE_COLOR: "1" })).stdout).toContain(`${escape}1mNAME`);
    expect((await leasehold(["env", "list", "--no-color"], { ...env, FORCE_COLOR: "1" })).stdout).not.toContain(escape);
  });
});

describe("what fails, for programs", () => {
  it.each([
    [["fly", "--json"], 64, "usage", "unknown command 'fly'"],
    [["run", "list", "--jsno", "--json"], 64, "usage", "Did you mean --json?"],
    [["run", "--json"], 64, "usage", "give the command to run after --"],
    [["env", "show", "nothing", "--json"], 66, "environment_not_found", "nothing"],
    [["env", "create", "x", "--config", "{", "--json"], 64, "usage", "--config is not JSON"],
    [["env", "create", "x", "--config", '{"moon": 1}', "--json"], 65, "config_invalid", "moon"],
    [["host", "list", "--json"], 77, "operator_required", "operator"],
    [["migrate", "--json"], 78, "services_unconfigured", "DATABASE_URL"],
  ])("%j is a problem document on stderr", async (args, exitCode, code, words) => {
    const done = await leasehold(args, env);
    expect([done.code, done.stdout]).toEqual([exitCode, ""]);
    const problem = JSON.parse(done.stderr) as Record<string, unknown>;
    expect(problem).toMatchObject({ type: `urn:leasehold:problem:${code}`, code, exitCode, title: expect.any(String) as string });
    expect(problem["detail"]).toContain(words);
  });

  it("names the fields, and the API's status", async () => {
    const { stderr } = await leasehold(["env", "create", "x", "--config", '{"moon": 1}', "--json"], env);
    expect(JSON.parse(stderr)).toMatchObject({ status: 422, errors: [{ field: "config.moon" }] });
  });

  it("comes with nothing but JSON on stderr, also of what goes on", async () => {
    const run = await executing(server, server.acme.id);
    const cli = start(["run", "attach", "--json", run.runId], env);
    await cli.seen("stdout", '"type":"run"');
    cli.child.kill("SIGINT");
    await cli.seen("stderr", "Cancelling");
    await run.end({ kind: "cancelled" });
    const { code, stderr } = await cli.ended;
    expect(code).toBe(130);
    expect(stderr.trim().split("\n").map((line) => JSON.parse(line) as unknown)).toEqual([{ type: "note", message: expect.stringContaining("Cancelling") as string }]);
  });
});

describe("what is not there", () => {
  it.each([
    [["rum"], "Did you mean run?"],
    [["env", "lst"], "Did you mean list?"],
    [["run", "lsit"], "Did you mean run list?"],
    [["run", "list", "--opne"], "Did you mean --open?"],
    [["env", "show", "Bilder"], "Did you mean Builder?"],
    [["run", "--env", "builders", "--", "x"], "Did you mean Builder?"],
    [["env", "default", "Buildr"], "Did you mean Builder?"],
    [["env", "update", "Buildr", "--max-leases", "2"], "Did you mean Builder?"],
    [["env", "archive", "Buildr"], "Did you mean Builder?"],
    [["env", "unarchive", "Buildr"], "Did you mean Builder?"],
    [["env", "delete", "Buildr"], "Did you mean Builder?"],
  ])("%j is met with what was meant", async (args, words) => {
    const { code, stdout, stderr } = await leasehold(args, env);
    expect(stderr).toContain(words);
    expect([[64, 66].includes(code ?? 0), stdout]).toEqual([true, ""]);
  });

  it("is not guessed at from afar", async () => {
    expect((await leasehold(["env", "show", "production"], env)).stderr).not.toContain("Did you mean");
  });
});

it("a reader that leaves, as `head` does, ends it quietly", async () => {
  const run = await executing(server, server.acme.id);
  for (let i = 0; i < 20; i++) await run.print("stdout", "x".repeat(20_000));
  const cli = start(["run", "logs", run.runId], env);
  await cli.seen("stdout", "x");
  cli.child.stdout.destroy();
  const { code, stderr } = await cli.ended;
  expect([code, stderr]).toEqual([141, ""]);
  await run.end({ kind: "exited", code: 0 });
});
