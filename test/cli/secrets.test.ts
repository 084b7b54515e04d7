import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorker } from "../http/api-worker.ts";
import { type ApiServer, startApi } from "../http/api-server.ts";
import { readKeyFile } from "../../src/secrets/key-file.ts";
import { type Ended, leasehold, start } from "./cli.ts";
import { atQuestion } from "./terminal.ts";

let server: ApiServer;
let directory: string;
beforeAll(async () => {
  server = await startApi();
  directory = await mkdtemp(join(tmpdir(), "leasehold-test-"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const env = (token = server.acme.producer) => ({ LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: token });
const cli = (...args: string[]) => leasehold(args, env());
async function given(stdin: string, ...args: string[]): Promise<Ended> {
  const running = start(args, env());
  running.child.stdin.end(stdin);
  return running.ended;
}

describe("leasehold secret", () => {
  it("I11: keeps what comes on stdin, and never prints it", async () => {
    const set = await given("top-secret-value", "secret", "set", "a", "--description", "for tests");
    expect(set).toMatchObject({ code: 0, stdout: expect.stringContaining("Secret a ("), stderr: "" });
    expect(await given("top-secret-value-2\n", "secret", "set", "a")).toMatchObject({ code: 0, stdout: expect.stringContaining("version 2"), stderr: expect.stringContaining("ends with a newline") });
    expect(await given("top-secret-value-3", "secret", "rotate", "a")).toMatchObject({ code: 0, stdout: expect.stringContaining("version 3") });
    const said = await Promise.all([cli("secret", "show", "a"), cli("secret", "show", "a", "--json"), cli("secret", "list"), cli("secret", "list", "--json")]);
    for (const { code, stdout, stderr } of [set, ...said]) {
      expect(code).toBe(0);
      expect(stdout + stderr).not.toContain("top-secret");
    }
    expect(said[0]?.stdout).toMatch(/Description +for tests[\s\S]*Versions +1 \(.*2 \(.*3 \(/);
    expect(JSON.parse(said[1]?.stdout ?? "")).toMatchObject({ name: "a", version: 3, accesses: [] });
  });

  it("I11: asks at a terminal, and shows nothing of what is typed", async () => {
    const keys = "all wrong\u0015tök-\u{1f511}x\u007f\u007fén\r";
    const { code, lines } = await atQuestion(["secret", "set", "typed"], "Value of typed: ", keys, env());
    expect(code).toBe(0);
    expect(lines.join("\n")).toMatch(/^Value of typed: \n[^\n]*Secret typed \(/);
    expect(lines.join("\n")).not.toMatch(/wrong|tök|én/);
    // What was sealed has the length of what was meant.
    await given("tök-én", "secret", "set", "piped");
    const [sizes] = [...(await server.db.execute(sql`select count(distinct length(v.sealed))::int as sizes from secret_versions v join secrets s on s.id = v.secret_id where s.name in ('typed', 'piped')`))];
    expect(sizes?.["sizes"]).toBe(1);
  });

  it("I11: is left with Ctrl-C, and nothing is changed", async () => {
    expect(await atQuestion(["secret", "set", "left"], "Value of left: ", "half\u0003", env())).toMatchObject({ code: 130, lines: expect.arrayContaining([expect.stringContaining("nothing was changed")]) });
    expect(await cli("secret", "show", "left")).toMatchObject({ code: 66 });
  });

  it("takes no value as an argument, and says when none came", async () => {
    expect(await cli("secret", "set", "b", "value-as-argument")).toMatchObject({ code: 64 });
    expect(await cli("secret", "set", "b")).toMatchObject({ code: 64, stderr: expect.stringContaining("no value came") });
    expect(await given("x", "secret", "rotate", "nothing")).toMatchObject({ code: 66 });
    await given("top-secret-value", "secret", "set", "deploy-key");
    for (const verb of ["show", "rotate", "disable", "enable", "remove"]) {
      expect(await given("x", "secret", verb, "deploy-kye"), verb).toMatchObject({ code: 66, stderr: expect.stringContaining("Did you mean deploy-key?") });
    }
  });

  it("disables, enables, removes", async () => {
    await given("x-x-x", "secret", "set", "c");
    expect((await cli("secret", "disable", "c")).stdout).toContain("given to nobody any more");
    expect((await cli("run", "--env-secret", "TOKEN=c", "--", "true")).stderr).toContain("secret c is disabled");
    expect((await cli("secret", "enable", "c")).code).toBe(0);
    await cli("env", "create", "uses-c", "--env-secret", "TOKEN=c");
    expect(await cli("secret", "remove", "c")).toMatchObject({ code: 65, stderr: expect.stringContaining("uses-c (envVars.TOKEN)") });
    expect(await cli("secret", "remove", "c", "--force")).toMatchObject({ code: 0, stdout: expect.stringContaining("deleted") });
    expect(await cli("secret", "show", "c")).toMatchObject({ code: 66 });
  });

  it("refers to what stores outside have, where the operator grants it", async () => {
    expect((await cli("secret", "stores")).stdout).toMatch(/files +file +acme\/\*/);
    expect(await cli("secret", "set", "d", "--from", "files:acme/token#field")).toMatchObject({ code: 0, stdout: expect.stringContaining("store files") });
    expect(await cli("secret", "set", "e", "--from", "files:other/token")).toMatchObject({ code: 66 });
    expect(await cli("secret", "set", "e", "--from", "files")).toMatchObject({ code: 64 });
  });

  it("makes, rotates and drops master keys in a file that nobody else can read", async () => {
    const file = join(directory, "keys");
    expect((await cli("secret", "key", "new", file)).code).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await cli("secret", "key", "new", file)).stderr).toContain("is there already");
    const [first] = (await readKeyFile(file)).keys;
    const rotated = await cli("secret", "key", "rotate", "--file", file, "--json");
    const { id } = JSON.parse(rotated.stdout) as { id: string };
    await cli("secret", "key", "rotate", "--file", file, "--later");
    expect((await readKeyFile(file)).keys.map((key) => key.id).slice(0, 1)).toEqual([id]);
    expect((await readKeyFile(file)).keys.map((key) => key.id)).toContain(first?.id);
    expect(rotated.stdout).not.toContain((await readFile(file, "utf8")).split(/\s/)[1]);
    expect(await leasehold(["secret", "key", "drop", first?.id ?? "", "--file", file], env(server.acme.operator))).toMatchObject({ code: 0 });
    expect((await readKeyFile(file)).keys.map((key) => key.id)).not.toContain(first?.id);
    expect((await leasehold(["secret", "key", "list"], env(server.acme.operator))).stdout).toMatch(/KEY +SEALS +VALUES/);
    expect(await cli("secret", "key", "list")).toMatchObject({ code: 77 });
  });
});

it("a worker without the master key ends a run that needs a secret, and says which setting", async () => {
  await given("needs-a-key", "secret", "set", "keyed");
  const worker = await startWorker(server);
  try {
    const ended = await cli("run", "--env-secret", "TOKEN=keyed", "--", "true");
    expect(ended).toMatchObject({ code: 125, stderr: expect.stringContaining("LEASEHOLD_MASTER_KEY_FILE") });
  } finally {
    await worker[Symbol.asyncDispose]();
  }
});
