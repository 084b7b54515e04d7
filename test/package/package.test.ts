import { execFile } from "node:child_process";
import { copyFile, cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { graphOf } from "./graph.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = join(root, "dist");
const here = dirname(fileURLToPath(import.meta.url));

describe("the client", () => {
  it("loads nothing but its own files, numbers of the domain, and the parser of events", () => {
    const { files, packages } = graphOf(dist, "src/client/index.js");
    expect(files.filter((file) => !file.startsWith("src/client/"))).toEqual(["src/domain/defaults.js"]);
    expect(packages.filter((name) => !name.startsWith("node:"))).toEqual(["eventsource-parser"]);
  });

  it("has types that are made of what travels and of the domain, and of no server", () => {
    const { files, packages } = graphOf(dist, "src/client/index.d.ts");
    expect(files.filter((file) => !/^src\/(client|domain|wire)\//.test(file))).toEqual([]);
    expect(packages).toEqual(["zod"]);
  });
});

/** A project with the packed package, and of its dependencies only those that are named. */
describe("the package, packed", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "leasehold-consumer-"));
    // Of what is built: building again would change what other tests run.
    const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], { cwd: root });
    const [packed] = JSON.parse(stdout) as [{ filename: string }];
    await mkdir(join(folder, "package"));
    await run("tar", ["-xzf", join(folder, packed.filename), "-C", folder]);
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function project(name: string, modules: readonly string[]): Promise<string> {
    const at = join(folder, name);
    await mkdir(join(at, "node_modules"), { recursive: true });
    await writeFile(join(at, "package.json"), '{ "type": "module" }');
    await cp(join(folder, "package"), join(at, "node_modules", "leasehold"), { recursive: true });
    for (const module of modules) await cp(join(root, "node_modules", module), join(at, "node_modules", module), { recursive: true, dereference: true });
    return at;
  }

  const compile = async (at: string, source: string, options: object = {}): Promise<string> => {
    await copyFile(join(here, source), join(at, "main.ts"));
    const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false, noEmit: true, ...options };
    const usual = { target: "es2022", module: "nodenext", lib: ["es2023", "esnext.disposable"], types: ["node"] };
    await writeFile(join(at, "tsconfig.json"), JSON.stringify({ compilerOptions: { ...usual, ...compilerOptions }, files: ["main.ts"] }));
    return run(join(root, "node_modules", ".bin", "tsc"), ["-p", at], { cwd: at }).then(
      () => "",
      (error: { stdout: string }) => error.stdout,
    );
  };

  it("loads the client where nothing else is installed", async () => {
    const at = await project("bare", ["eventsource-parser"]);
    const script = 'const { Leasehold, LeaseholdRequestError } = await import("leasehold"); try { await new Leasehold({ url: "http://127.0.0.1:1", token: "t", patience: { request: 0 } }).runs.get("x") } catch (error) { console.log(error instanceof LeaseholdRequestError, error.kind) }';
    expect((await run(process.execPath, ["--input-type=module", "-e", script], { cwd: at })).stdout).toBe("true unreachable\n");
  });

  it("has a client whose types pass the strictest check in a project of its own", async () => {
    const at = await project("typed", ["eventsource-parser", "zod", "@types/node", "undici-types"]);
    expect(await compile(at, "consumer.ts.txt")).toBe("");
  });

  it("has a queue producer with types, and the schema of what it submits", async () => {
    const at = await project("queue", ["zod", "@types/node", "undici-types", "bullmq", "ioredis", ...(await readdir(join(root, "node_modules", "@ioredis"))).map((name) => `@ioredis/${name}`)]);
    // BullMQ's types name other packages of its own.
    expect(await compile(at, "queue-consumer.ts.txt", { skipLibCheck: true })).toBe("");
  });

  it("has what it promises: programs, migrations, pages, and nothing of the tests' or the build's", async () => {
    const packed = await readdir(join(folder, "package"), { recursive: true });
    for (const wanted of ["README.md", "docs/producers.md", "docs/run-submission.schema.json", "dist/bin/leasehold.js", "dist/swagger-ui/swagger-ui.css", "src/session/supervisor.sh", "src/embedded/setup.sh", "migrations/meta/_journal.json"]) expect(packed).toContain(wanted);
    expect(packed.filter((name) => /^(dist\/)?(test|bench)\/|\.map$|^(?!examples).*\.test\.|\.env/.test(name))).toEqual([]);
  });
});
