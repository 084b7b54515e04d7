import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Activity, Company, Environment, Lease, LeaseSummary, MadeToken, RunSummary, Token } from "../../src/client/index.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { type ApiServer, startApi } from "../http/api-server.ts";
import { executing } from "../http/run-states.ts";
import { insertLeaseIn } from "../support/lease-rows.ts";
import { leasehold } from "./cli.ts";

let server: ApiServer;
let env: Record<string, string>;
beforeAll(async () => {
  server = await startApi();
  env = { LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: server.acme.operator };
});
afterAll(() => server[Symbol.asyncDispose]());

const cli = (...args: string[]) => leasehold(args, env);
const json = async <T>(...args: string[]): Promise<T> => JSON.parse((await cli(...args, "--json")).stdout) as T;

const environment = (name: string) =>
  insertEnvironment(server.db, server.acme.id, { name, description: "old", driver: "ssh", backend: "ssh", config: {}, envVars: { DEBUG: "1" }, maxLeases: 1, metadata: {} });

describe("leasehold env update, archive, unarchive, delete", () => {
  it("changes an environment", async () => {
    const { id } = await environment("ci");
    const updated = await cli("env", "update", "ci", "--max-leases", "none", "--env-var", "STAGE=test", "--unset-env-var", "DEBUG", "--description", "", "--metadata", '{"team": "a"}');
    expect(updated).toEqual({ code: 0, stdout: `Environment ci (${id}) is changed.\n`, stderr: "" });
    expect(await json<Environment>("env", "show", "ci")).toMatchObject({ maxLeases: null, envNames: ["STAGE"], description: null, metadata: { team: "a" } });
  });

  it("archives one and has it active again, saying what is open there", async () => {
    const { id } = await environment("old");
    await insertLeaseIn(server.db, server.acme.id, { state: "active", patch: { environmentId: id } });
    expect((await cli("env", "archive", "old")).stdout).toBe("Environment old is archived: no run gets it any more. 1 lease is open there and ends by itself.\n");
    expect(await json("env", "unarchive", "old")).toMatchObject({ status: "active", openLeases: 1 });
  });

  it("deletes one once nothing uses it, and says what does", async () => {
    const { id } = await environment("gone");
    const lease = await insertLeaseIn(server.db, server.acme.id, { state: "stuck", patch: { environmentId: id } });
    const refused = await cli("env", "delete", "gone");
    expect([refused.code, refused.stdout]).toEqual([65, ""]);
    expect(refused.stderr).toContain(`environment gone is used by 1 open lease`);
    expect(refused.stderr).toContain(`${lease.id} is stuck`);
    expect(await json<LeaseSummary[]>("lease", "list", "--env", "gone", "--open")).toMatchObject([{ id: lease.id }]);
    expect((await cli("lease", "forget", lease.id, "--reason", "it is gone")).stdout).toContain(`Lease ${lease.id} is released.`);
    expect(await cli("env", "delete", "gone")).toMatchObject({ code: 0, stdout: "Environment gone is deleted.\n" });
    expect((await cli("env", "show", "gone")).code).toBe(66);
    expect((await json<Activity[]>("activity", "--entity", id)).map((one) => one.action)).toEqual(["environment.deleted"]);
    expect((await cli("activity", "--action", "environment.lease_forgotten")).stdout).toMatch(/^AT +ACTION +ENTITY +DETAILS\n.+environment\.lease_forgotten .+reason=it is gone/);
  });

  it.each([
    [["env", "update", "x"], 64, "nothing to change was given"],
    [["env", "update", "x", "--config", "{"], 64, "--config is not JSON"],
    [["env", "update", "x", "--metadata", "[]"], 64, "--metadata must be a JSON object"],
    [["env", "update", "nobody", "--max-leases", "1"], 66, "no environment"],
    [["lease", "forget", "x"], 64, "--reason"],
    [["lease", "forget", "x", "--reason", "y"], 66, "no lease x"],
    [["lease", "retry", "0190a0a0-0000-7000-8000-000000000000"], 66, "no lease"],
    [["run", "list", "--since", "5"], 64, "how long ago, like 2h"],
    [["run", "retry", "x"], 66, "no run x"],
    [["activity", "--action", "made"], 65, "must be one of"],
    [["company", "token", "revoke", "acme", "x"], 66, "no such token"],
  ])("%j ends with %i", async (args, code, said) => {
    const done = await cli(...args);
    expect([done.code, done.stdout]).toEqual([code, ""]);
    expect(done.stderr).toContain(said);
  });
});

it("leasehold lease retry has a stuck lease tried at once", async () => {
  const lease = await insertLeaseIn(server.db, server.acme.id, { state: "stuck" });
  expect((await cli("lease", "retry", lease.id)).stdout).toContain(`Lease ${lease.id} is being given back.`);
  expect((await json<Lease>("lease", "retry", lease.id)).state).toBe("releasing");
});

it("leasehold company create, and its tokens: given once, listed, revoked", async () => {
  expect(await json<Company>("company", "create", "new", "--max-leases", "3")).toMatchObject({ name: "new", maxLeases: 3 });
  const made = await cli("company", "token", "create", "new", "--name", "first");
  expect(made.stdout).toMatch(/^lh_[\w-]{43}\n$/);
  expect(made.stderr).not.toContain(made.stdout.trim());
  const theirs = { ...env, LEASEHOLD_TOKEN: made.stdout.trim() };
  expect((await leasehold(["run", "list"], theirs)).code).toBe(0);
  const second = await json<MadeToken>("company", "token", "create", "new", "--name", "second", "--role", "operator");
  expect(await json<Token[]>("company", "token", "list", "new")).toMatchObject([{ name: "first", role: "producer" }, { id: second.id, name: "second", role: "operator" }]);
  const [first] = await json<Token[]>("company", "token", "list", "new");
  expect((await cli("company", "token", "revoke", "new", first?.id ?? "")).stdout).toBe(`Token first (${first?.id}) is revoked: its next request is refused.\n`);
  expect((await leasehold(["run", "list"], theirs)).code).toBe(77);
});

it("leasehold run retry, and run list by what it is to be found by", async () => {
  const old = await executing(server, server.acme.id, { command: ["x"], producer: { issueId: "i" } });
  await old.end({ kind: "exited", code: 1 });
  const again = await cli("run", "retry", old.runId, "--key", "k");
  expect(again.stdout).toMatch(/^Run \S+ asks for the same as \S+ once more\./);
  const [newest, ...others] = await json<RunSummary[]>("run", "list", "--issue", "i", "--since", "1h");
  expect([newest?.retryOf, others.map(({ id }) => id)]).toEqual([old.runId, [old.runId]]);
  expect(await json<RunSummary[]>("run", "list", "--issue", "i", "--result", "failed")).toMatchObject([{ id: old.runId }]);
  expect((await cli("run", "show", newest?.id ?? "")).stdout).toMatch(new RegExp(`Retry of +${old.runId}`));
  expect((await cli("run", "list", "--agent", "nobody")).stdout).toBe("There are no such runs.\n");
});
