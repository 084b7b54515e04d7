import { createHash, randomBytes, randomUUID } from "node:crypto";
import { appendFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPatientConnection } from "../../../queues/connection.ts";
import { runProducer } from "../../../queues/producer.ts";
import { Leasehold, type Run, type RunRequest, type SecretRef } from "../../../src/client/index.ts";
import { openDatabase } from "../../../src/db/client.ts";
import { leasehold, start } from "../../cli/cli.ts";
import { eventually } from "../../support/eventually.ts";
import { playStore, sendJson } from "../stores/http-server.ts";
import { type UpFleet, startUp } from "./fleet.ts";
import { type Canary, Search } from "./search.ts";

const canaries: Canary[] = [];
/** A value that has in it what each encoding makes something else of. */
function plant(where: string): string {
  const value = `cnry/${randomBytes(12).toString("base64url")} +"${randomBytes(9).toString("hex")}"\n&é`;
  canaries.push({ where, value });
  return value;
}

let directory: string;
let dataDir: string;
let outside: string;
let fleet: UpFleet;
let vault: Awaited<ReturnType<typeof playStore>>;
let client: Leasehold;
/** Everything that the API answered with an error. */
const errors: string[] = [];
const ran: Run[] = [];

const values = { file: plant("file of the store"), variable: plant("variable of the store"), vault: plant("Vault"), vaultToken: plant("token of the Vault") };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "leasehold-canary-"));
  [dataDir, outside] = [join(directory, "data"), join(directory, "outside")];
  const temporary = join(directory, "tmp");
  for (const path of [dataDir, outside, join(outside, "files"), temporary]) await mkdir(path);
  await writeFile(join(outside, "files", "token"), values.file);
  await writeFile(join(outside, "vault-token"), encodeURIComponent(values.vaultToken));
  vault = await playStore(({ headers }, response) => {
    if (headers["x-vault-token"] !== encodeURIComponent(values.vaultToken)) return sendJson(response, 403, { errors: ["permission denied"] });
    return sendJson(response, 200, { data: { data: { value: values.vault }, metadata: { version: 1 } } });
  });
  const stores = {
    files: { type: "file", directory: join(outside, "files"), grants: { default: ["*"] } },
    vars: { type: "env", grants: { default: ["CANARY_*"] } },
    vault: { type: "vault", url: vault.url, login: { method: "token", tokenFile: join(outside, "vault-token") }, grants: { default: ["*"] } },
  };
  await writeFile(join(outside, "stores.json"), JSON.stringify({ stores }));
  fleet = await startUp(dataDir, { LEASEHOLD_LOG_LEVEL: "debug", LEASEHOLD_FAKE_PROVIDER: join(dataDir, "fake"), LEASEHOLD_SECRET_STORES: join(outside, "stores.json"), TMPDIR: temporary, CANARY_VARIABLE: values.variable });
  const recording: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (!response.ok) errors.push(await response.clone().text());
    return response;
  };
  client = new Leasehold({ url: fleet.url, token: fleet.token, fetch: recording });
});
afterAll(async () => {
  await fleet?.end();
  await vault?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const ref = (secretId: string): SecretRef => ({ type: "secret_ref", secretId });
const keep = async (where: string): Promise<SecretRef> => ref((await client.secrets.create({ name: randomUUID(), value: plant(where) })).id);
const ended = (id: string): Promise<Run> =>
  eventually(
    async () => {
      const run = await client.runs.get(id);
      if (run.phase !== "ended") throw new Error(`run is ${run.phase}`);
      return run;
    },
    { timeoutMs: 90_000 },
  );
async function run(request: RunRequest, meanwhile?: (run: Run) => Promise<unknown>): Promise<Run> {
  const made = await client.runs.create(request);
  await meanwhile?.(made);
  const end = await ended(made.id);
  ran.push(end);
  return end;
}
const running = (made: Run): Promise<void> =>
  eventually(
    async () => {
      if ((await client.runs.get(made.id)).execution?.state !== "running") throw new Error("not running yet");
    },
    { timeoutMs: 60_000 },
  );
const outputOf = async (made: Run): Promise<string> => Buffer.concat(await all(client.runs.output(made.id, { stream: "stdout" }))).toString();
const fakeTokens = (...tokens: readonly string[]): Promise<void> => appendFile(join(dataDir, "fake", "tokens"), tokens.map((token) => `${createHash("sha256").update(token).digest("hex")}\n`).join(""));

describe("I11: the canary test", () => {
  const watch = { over: false, looks: 0 };
  let watching: Promise<void>;
  let watcher: Search;

  it("plants values in every place that takes one, and has them used in every way a run can end", async () => {
    const references = { run: await keep("secret of a run"), environment: await keep("secret of an environment"), queue: await keep("secret of a submission"), adHoc: await keep("secret of an ad-hoc command"), printed: await keep("secret that is printed and redacted") };
    const outsiders = {
      FILE: ref((await client.secrets.create({ name: "file", store: "files", path: "token" })).id),
      VARIABLE: ref((await client.secrets.create({ name: "variable", store: "vars", path: "CANARY_VARIABLE" })).id),
      VAULT: ref((await client.secrets.create({ name: "vault", store: "vault", path: "team/token" })).id),
    };
    const tokens = { right: plant("token pasted into a config"), deep: plant("token pasted deep into a config"), wrong: plant("token that the provider refuses, and repeats"), probed: plant("token pasted for a probe"), probedWrong: plant("token that a probe finds refused") };
    const typed = plant("value given on the command line's stdin");
    watcher = new Search(canaries);
    watching = (async () => {
      while (!watch.over) {
        watcher.processes();
        watch.looks += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();

    // The command line, which reads it from stdin.
    const set = start(["secret", "set", "typed", "--json"], { LEASEHOLD_URL: fleet.url, LEASEHOLD_TOKEN: fleet.token });
    set.child.stdin.end(typed);
    expect(await set.ended).toMatchObject({ code: 0 });
    await client.secrets.rotate("typed", plant("rotated value"));
    const shown = await leasehold(["secret", "show", "typed"], { LEASEHOLD_URL: fleet.url, LEASEHOLD_TOKEN: fleet.token });
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining("sealed here") });

    // Environments: values pasted at two depths, and a variable. The provider wants its tokens.
    await mkdir(join(dataDir, "fake"), { recursive: true });
    await fakeTokens(tokens.right, tokens.deep, tokens.probed);
    const config = (top: string) => ({ provider: "fake", apiToken: top, accounts: [{ name: "a", tokens: { deploy: tokens.deep } }] });
    const good = await client.environments.create({ name: "good", driver: "sandbox", config: config(tokens.right), envVars: { PLACE: references.environment } });
    const bad = await client.environments.create({ name: "bad", driver: "sandbox", config: config(tokens.wrong) });
    expect(await client.environments.probe("good")).toMatchObject({ ok: true });
    expect(await client.environments.probeConfig({ driver: "sandbox", config: config(tokens.probed) })).toMatchObject({ ok: true });
    await expect(client.environments.probe("bad")).rejects.toMatchObject({ code: "probe_failed", detail: expect.stringContaining("does not take the token ***") });
    await expect(client.environments.probeConfig({ driver: "sandbox", config: config(tokens.probedWrong) })).rejects.toMatchObject({ detail: expect.stringContaining("***") });

    const there = { environment: { agent: good.id }, env: { RUN: references.run, TYPED: ref((await client.secrets.get("typed")).id), ...outsiders } };
    const check = `test -n "$RUN$TYPED$FILE$VARIABLE$VAULT$PLACE"`;
    expect((await run({ ...there, command: ["sh", "-c", check] })).outcome).toEqual({ kind: "exited", code: 0 });
    expect((await run({ ...there, command: ["sh", "-c", `${check}; exit 3`] })).outcome).toEqual({ kind: "exited", code: 3 });
    expect((await run({ ...there, command: ["sh", "-c", "kill -9 $$"] })).outcome).toMatchObject({ kind: "signalled" });
    expect((await run({ ...there, command: ["no-such-program"] })).outcome).toMatchObject({ kind: "not_started", reason: "command_not_found" });
    expect((await run({ ...there, command: ["sleep", "1000"], timeoutMs: 500 })).outcome).toEqual({ kind: "timed_out" });
    expect((await run({ ...there, command: ["sleep", "1000"] }, async (made) => running(made).then(() => client.runs.cancel(made.id)))).outcome).toEqual({ kind: "cancelled" });
    expect((await run({ ...there, environment: {}, command: ["sh", "-c", `test -n "$RUN$VAULT"`] })).outcome).toEqual({ kind: "exited", code: 0 });
    expect((await run({ environment: { agent: bad.id }, command: ["true"] })).outcome).toMatchObject({ kind: "not_started", reason: "lease_acquire_failed", message: expect.stringContaining("***") });

    // What is printed is replaced, in whatever form and in pieces.
    const printing = await run({ ...there, env: { PRINTED: references.printed }, redactOutput: true, command: ["sh", "-c", `printf '%s|' "$PRINTED"; printf '%s' "$PRINTED" | base64 -w0; echo "|$PRINTED" >&2`] });
    expect(printing.execution).toMatchObject({ redacted: true, outputComplete: true });
    expect(await outputOf(printing)).toMatch(/^\*\*\*\|\*\*\*.{0,4}$/);

    // Through the queue, and in a lease of one's own.
    const producer = runProducer({ redisUrl: fleet.redisUrl });
    const company = (await openCompany()).id;
    await producer.submit({ company, idempotencyKey: "canary", request: { command: ["true"], env: { QUEUE: { type: "secret_ref", secretId: references.queue.secretId } } } });
    await producer.close();
    const submitted = await eventually(async () => {
      const found = (await all(client.runs.list())).find(({ idempotencyKey }) => idempotencyKey === "canary");
      if (found === undefined) throw new Error("not accepted yet");
      return found;
    });
    expect((await ended(submitted.id)).outcome).toEqual({ kind: "exited", code: 0 });
    {
      await using held = await client.leases.acquire({ environment: "good" });
      const command = await held.exec(["sh", "-c", `test -n "$ADHOC"`], { env: { ADHOC: references.adHoc } });
      expect((await command.result()).outcome).toEqual({ kind: "exited", code: 0 });
    }

    // Bad input: what came is in no answer.
    for (const value of [`${plant("value with NUL")}\0`, plant("value of a megabyte").repeat(20_000)]) await expect(client.secrets.create({ name: "refused", value })).rejects.toMatchObject({ status: 422 });
    await expect(client.environments.create({ name: "x", driver: "sandbox", config: { provider: "fake", apiToken: plant("token beside a fault"), unknown: 1 } })).rejects.toMatchObject({ status: 422 });
    await client.secrets.disable(references.run.secretId);
    await expect(client.runs.create({ ...there, command: ["true"] })).rejects.toMatchObject({ code: "secret_disabled" });
    watch.over = true;
    await watching;
  }, 600_000);

  it("finds none of them in Redis, Postgres, logs, arguments and environments of processes, errors, temporary and data directories", async () => {
    expect(watch.looks).toBeGreaterThan(10);
    expect(watcher.found).toEqual([]);
    const search = new Search(canaries);
    const redis = openPatientConnection({ url: fleet.redisUrl, prefix: "" }, () => {});
    const database = openDatabase(fleet.databaseUrl, { name: "canary", max: 1 });
    try {
      await search.redis(redis);
      await search.rows(database.db);
    } finally {
      redis.disconnect();
      await database.close();
    }
    // Everything below: logs, the append-only file, tables and write-ahead log, leases, provider, temporary files.
    search.files(dataDir);
    search.files(join(directory, "tmp"));
    for (const body of errors) search.look("an error of the API", body);
    for (const made of ran) search.look("a run of the API", JSON.stringify(made));
    search.look("what `up` says", fleet.said());
    expect(errors.length).toBeGreaterThan(4);
    expect(search.found).toEqual([]);
    expect(search.searched).toBeGreaterThan(1000);
  }, 300_000);

  it("would have found them", async () => {
    const [canary] = canaries;
    const value = canary?.value ?? "";
    const where = join(directory, "tmp", "planted");
    const forms = [value, Buffer.from(`x${value}y`).toString("base64"), Buffer.from(value).toString("hex"), encodeURIComponent(value), JSON.stringify({ value })];
    for (const form of forms) {
      await writeFile(where, `before ${form} after`);
      const search = new Search(canaries);
      search.files(join(directory, "tmp"));
      expect(search.found).toEqual([expect.stringContaining(canary?.where ?? "")]);
    }
    const visible = start(["secret", "show", Buffer.from(value).toString("hex")], {});
    const search = new Search(canaries);
    await eventually(() => {
      search.processes();
      if (search.found.length === 0) throw new Error("not seen");
    });
    visible.child.kill("SIGKILL");
    await visible.ended;
  });
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of items) taken.push(item);
  return taken;
}

async function openCompany(): Promise<{ id: string }> {
  const [company] = await all(client.companies.list());
  if (company === undefined) throw new Error("no company");
  return company;
}

