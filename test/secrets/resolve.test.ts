import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { insertEnvironment } from "../../src/db/environments.ts";
import { setSecretStatus } from "../../src/db/secrets.ts";
import { limits } from "../../src/domain/defaults.ts";
import { newId } from "../../src/domain/ids.ts";
import type { RunRequestInput } from "../../src/domain/request.ts";
import { createSecret } from "../../src/secrets/create.ts";
import { createEnvironment } from "../../src/secrets/keep-environment.ts";
import type { SecretParts } from "../../src/secrets/parts.ts";
import { removeSecret } from "../../src/secrets/remove.ts";
import { rotateSecret } from "../../src/secrets/rotate.ts";
import { ensureCompany } from "../../src/db/companies.ts";
import { wholeOutput } from "../support/whole-output.ts";
import { fakeEnvironment, startStack, type Stack } from "../support/stack.ts";
import { withMasterKey } from "./keys.ts";

let stack: Stack;
let parts: SecretParts;
beforeAll(async () => {
  stack = await startStack();
  parts = await withMasterKey(stack);
  await stack.worker({ backends: ["local", "sandbox-fake"] });
});
afterAll(() => stack.close());

const db = () => stack.base.database.db;
let counter = 0;
const make = (value: string, company = stack.companyId) => createSecret(parts, company, { name: `secret-${++counter}`, value });
const ref = (secretId: string, version: number | "latest" = "latest") => ({ type: "secret_ref", secretId, version }) as const;

async function ran(request: Omit<RunRequestInput, "command"> & { command?: string[] }) {
  const run = await stack.submit({ command: ["sh", "-c", 'printf %s "$TOKEN"'], ...request });
  const ended = await stack.ended(run.id);
  const output = ended.execution === null ? "" : await wholeOutput(db(), ended.execution.id);
  return { ...ended, output };
}

describe("a reference in a command's variables", () => {
  it.each([
    ["plain", "s3cr3t"],
    ["with newlines, at its end too", "one\ntwo\n\nthree\n"],
    ["with quotes, dollars and backslashes", `'"$HOME\\n\`id\` ${"$"}{x}`],
    ["with letters of all kinds", "пароль-密碼-🔑"],
    ["as large as it may be", "x".repeat(limits.secretValue)],
  ])("I11: travels exactly: %s", async (_what, value) => {
    const secret = await make(value);
    const { run, output } = await ran({ env: { TOKEN: ref(secret.id) } });
    expect(run.outcome).toEqual({ kind: "exited", code: 0 });
    expect(output).toBe(value);
  });

  it("is the environment's, unless the request has another value for it", async () => {
    const [first, second] = [await make("of the environment"), await make("of the request")];
    const environment = await createEnvironment(parts, stack.companyId, { ...fakeEnvironment({}), envVars: { TOKEN: ref(first.id) } }, []);
    const there = { environment: { agent: environment.id } };
    expect((await ran(there)).output).toBe("of the environment");
    expect((await ran({ ...there, env: { TOKEN: ref(second.id) } })).output).toBe("of the request");
    expect((await ran({ ...there, env: { TOKEN: "in clear" } })).output).toBe("in clear");
  });

  it("follows the latest version, or stays at the one it names", async () => {
    const { id } = await make("first");
    await rotateSecret(parts, stack.companyId, id, "second");
    expect((await ran({ env: { TOKEN: ref(id) } })).output).toBe("second");
    expect((await ran({ env: { TOKEN: ref(id, 1) } })).output).toBe("first");
  });

  it("notes who was given it once for each lease, version and purpose", async () => {
    const { id } = await make("noted");
    const { run, lease } = await ran({ env: { TOKEN: ref(id), AGAIN: ref(id), FIRST: ref(id, 1) } });
    const events = [...(await db().execute(sql`select lease_id, run_id, version, purpose, who from secret_access_events where secret_id = ${id}`))];
    expect(events).toEqual([{ lease_id: lease?.id, run_id: run.id, version: 1, purpose: "command", who: expect.stringContaining("worker ") }]);
  });

  it("keeps the value out of the request, the rows and the timeline", async () => {
    const { id } = await make("not-in-any-row");
    const { run } = await ran({ env: { TOKEN: ref(id) }, command: ["true"] });
    expect(JSON.stringify(run)).not.toContain("not-in-any-row");
    for (const table of ["runs", "environment_leases", "executions", "lease_events", "activity_log", "secrets", "secret_access_events"]) {
      const [row] = [...(await db().execute(sql.raw(`select coalesce(string_agg(t::text, ''), '') as text from ${table} t`)))];
      expect(String(row?.["text"])).not.toContain("not-in-any-row");
    }
  });
});

describe("a reference that cannot be met", () => {
  it.each(["secret_not_found", "secret_version_not_found", "secret_disabled"] as const)("is refused when the run is asked for: %s", async (code) => {
    const { id } = await make("x-x-x");
    if (code === "secret_disabled") await setSecretStatus(db(), id, "disabled");
    const wanted = code === "secret_not_found" ? ref(newId()) : code === "secret_version_not_found" ? ref(id, 2) : ref(id);
    await expect(stack.submit({ command: ["true"], env: { TOKEN: wanted } })).rejects.toMatchObject({ kind: "invalid", code, faults: [{ field: "request.env.TOKEN" }] });
  });

  it("I12: looks the same when it is another company's as when there is none", async () => {
    const other = await ensureCompany(db(), "other");
    const foreign = await make("theirs-alone", other.id);
    const errors = await Promise.all([foreign.id, newId()].map((id) => stack.submit({ command: ["true"], env: { TOKEN: ref(id) } }).catch((error: Error) => error.message.replace(id, "ID"))));
    expect(errors[0]).toBe(errors[1]);
  });

  it("I12: I8: another company's that got into an environment by itself is not found when it is to be used", async () => {
    const other = await ensureCompany(db(), "other");
    const foreign = await make("theirs-still", other.id);
    const environment = await insertEnvironment(db(), stack.companyId, { ...fakeEnvironment({}), envVars: { TOKEN: ref(foreign.id) } });
    const { run, output } = await ran({ environment: { agent: environment.id } });
    expect(run.outcome).toMatchObject({ kind: "not_started", reason: "secret_not_found" });
    expect(output).toBe("");
  });

  it.each(["disabled", "deleted"] as const)("I8: ends the run as not started when it was %s between acquire and execute", async (how) => {
    const { id } = await make("revoked-value");
    const environment = await createEnvironment(parts, stack.companyId, { ...fakeEnvironment({ faults: [{ verb: "acquire", call: 1, fault: "fail", kind: "transient" }] }), envVars: { TOKEN: ref(id) } }, []);
    const run = await stack.submit({ command: ["true"], environment: { agent: environment.id } });
    if (how === "disabled") await setSecretStatus(db(), id, "disabled");
    else await removeSecret(db(), stack.companyId, id, { force: true });
    const { run: ended, lease } = await stack.ended(run.id);
    expect(ended.outcome).toMatchObject({ kind: "not_started", reason: how === "disabled" ? "secret_disabled" : "secret_not_found", message: expect.stringContaining("variable TOKEN") });
    expect(lease?.state).toBe("failed");
  });

  it("is accepted again under its key after the secret has gone", async () => {
    const { id } = await make("gone-later");
    const request = { command: ["true"], env: { TOKEN: ref(id) } };
    const first = await stack.submit(request, "kept-key");
    await removeSecret(db(), stack.companyId, id, { force: true });
    expect((await stack.submit(request, "kept-key")).id).toBe(first.id);
    await stack.ended(first.id);
  });
});

describe("a value that is no use", () => {
  it.each([
    ["with NUL", "a\0b", "NUL"],
    ["of 1 MB", "x".repeat(1024 * 1024), "larger than 65536 bytes"],
    ["empty", "", "empty"],
    ["with half a character", "a\ud800", "surrogate"],
  ])("is refused with what to do: %s", async (_what, value, says) => {
    const { newVersionRequest } = await import("../../src/secrets/request.ts");
    const read = newVersionRequest.safeParse({ value });
    expect(read.error?.issues[0]?.message).toContain(says);
    if (value !== "") expect(JSON.stringify(read.error)).not.toContain(value.slice(0, 50));
  });

  it("I8: all values together that are more than Linux takes end as not started, and no other run suffers", async () => {
    const { id } = await make("y".repeat(limits.secretValue));
    const env = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`V${i}`, ref(id)]));
    expect((await ran({ env })).run.outcome).toMatchObject({ kind: "not_started", reason: "command_too_large" });
  });
});
