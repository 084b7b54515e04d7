import { randomBytes } from "node:crypto";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Db } from "../../src/db/client.ts";
import { ensureCompany } from "../../src/db/companies.ts";
import { type Execution, findExecution } from "../../src/db/executions.ts";
import { appendOutput, readOutput } from "../../src/db/output.ts";
import { executions } from "../../src/db/schema.ts";
import { type Claim, newClaim } from "../../src/domain/claim.ts";
import { limits } from "../../src/domain/defaults.ts";
import { newId } from "../../src/domain/ids.ts";
import { followOutput } from "../../src/output/follow.ts";
import { openReader } from "../../src/output/reader.ts";
import { freshDatabase } from "../support/database.ts";
import { insertLeaseIn } from "../support/lease-rows.ts";

let client: postgres.Sql;
let db: Db;
let drop: () => Promise<void>;
let companyId: string;
let statements: string[] = [];
beforeAll(async () => {
  const fresh = await freshDatabase();
  drop = () => fresh.drop();
  client = postgres(fresh.url, { max: 4, onnotice: () => {} });
  db = drizzle(client, { logger: { logQuery: (query) => void statements.push(query) } }) as unknown as Db;
  companyId = (await ensureCompany(db, "test")).id;
});
afterAll(async () => {
  await client.end();
  await drop();
});
beforeEach(() => {
  statements = [];
});

const reads = () => statements.filter((query) => /from execution_output/.test(query)).length;
const asks = () => statements.filter((query) => /select id, state, stdout_bytes/.test(query)).length;

interface Printer {
  readonly id: string;
  readonly print: (bytes: Buffer) => Promise<void>;
  readonly end: () => Promise<void>;
}

/** A running execution, and whoever has its claim. */
async function running(): Promise<Printer> {
  const lease = await insertLeaseIn(db, companyId, { state: "active" });
  const claim: Claim = newClaim("worker");
  const id = newId();
  await db.insert(executions).values({
    id, companyId, leaseId: lease.id, ordinal: 1, argv: ["true"], state: "running", offer: 1, timeoutMs: 1000, outputLimit: 1000, bootId: "boot",
    claimOwner: claim.owner, claimToken: claim.token, claimUntil: sql`clock_timestamp() + interval '10 minutes'` as never,
  });
  const execution = (await findExecution(db, id)) as Execution;
  let at = 0;
  return {
    id,
    print: async (bytes) => {
      await appendOutput(db, execution, claim, "stdout", at, bytes);
      at += bytes.length;
    },
    end: async () => {
      await db.execute(sql`update executions set state = 'final', outcome = '{"kind":"exited","code":0}', claim_owner = null, claim_token = null, claim_until = null where id = ${id}`);
    },
  };
}

async function readAll(executionId: string, from: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = from; ; ) {
    const bytes = await readOutput(db, executionId, "stdout", at);
    if (bytes.length === 0) return Buffer.concat(pieces);
    pieces.push(bytes);
    at += bytes.length;
  }
}

describe("the rows of a stream", () => {
  it("I7: give what was appended, from every offset, whatever the sizes", async () => {
    const { id, print } = await running();
    const row = limits.outputRow;
    const pieces = [1, row - 1, row, row + 1, 3 * row + 7, limits.outputChunk, 2].map((size) => randomBytes(size));
    for (const piece of pieces) await print(piece);
    const all = Buffer.concat(pieces);
    const [largest] = [...(await db.execute(sql`select max(length(bytes)) as bytes from execution_output where execution_id = ${id}`))];
    expect(Number(largest?.["bytes"])).toBe(row);
    for (const offset of [0, 1, 2, row - 1, row, row + 1, 2 * row, 3 * row + 5, all.length - 3, all.length - 1, all.length, all.length + 10]) {
      expect((await readAll(id, offset)).equals(all.subarray(offset)), `from ${offset}`).toBe(true);
    }
  });

  it("may be larger, as the version before wrote them", async () => {
    const { id } = await running();
    const old = randomBytes(1024 * 1024);
    await db.execute(sql`insert into execution_output (execution_id, stream, start, bytes) select ${id}, 'stdout', 0, decode(${old.toString("base64")}, 'base64')`);
    for (const offset of [0, 70_000, old.length - 1]) expect((await readAll(id, offset)).equals(old.subarray(offset))).toBe(true);
  });

  it("are read many at a time when they are small", async () => {
    const { id, print } = await running();
    for (let i = 0; i < limits.outputRows + 1; i++) await print(Buffer.from(`${i}\n`));
    statements = [];
    expect((await readAll(id, 0)).toString().split("\n")).toHaveLength(limits.outputRows + 2);
    // Two, and one that finds the end.
    expect(reads()).toBe(3);
  });
});

describe("followers of one process", () => {
  it("are answered by one statement that began after they asked, however many they are", async () => {
    const printers = await Promise.all(Array.from({ length: 20 }, () => running()));
    const reader = openReader(db);
    const gone = newId();
    statements = [];
    const first = await Promise.all([gone, ...printers.flatMap(({ id }) => [id, id, id])].map((id) => reader.progress(id)));
    expect(asks()).toBe(1);
    expect(first[0]).toBeUndefined();
    expect(first.slice(1)).toEqual(Array(60).fill({ state: "running", durable: { stdout: 0, stderr: 0 } }));
    // Asked while another is under way: not that one's answer, which may be from before.
    const [printer] = printers as [Printer];
    const under = reader.progress(printer.id);
    await Promise.resolve();
    await printer.print(Buffer.from("more"));
    expect((await reader.progress(printer.id))?.durable.stdout).toBe(4);
    await under;
  });

  it("share what is read, and the end is looked for anew", async () => {
    const { id, print } = await running();
    const reader = openReader(db);
    await print(Buffer.from("first"));
    statements = [];
    const [one, ...others] = await Promise.all(Array.from({ length: 50 }, () => reader.read(id, "stdout", 0)));
    expect(one?.toString()).toBe("first");
    expect(others.every((bytes) => bytes.equals(one as Buffer))).toBe(true);
    expect(reads()).toBe(1);
    expect((await reader.read(id, "stdout", 5)).length).toBe(0);
    expect((await reader.read(id, "stderr", 0)).length).toBe(0);
    await print(Buffer.from("second"));
    expect((await reader.read(id, "stdout", 5)).toString()).toBe("second");
    expect((await reader.read(id, "stdout", 0)).toString()).toBe("first");
  });

  it("keep no more than they may for each other", async () => {
    const { id, print } = await running();
    const reader = openReader(db);
    const pieces = Math.ceil(limits.outputShared / limits.outputChunk) + 2;
    for (let i = 0; i < pieces; i++) await print(randomBytes(limits.outputChunk));
    for (let i = 0; i < pieces; i++) await reader.read(id, "stdout", i * limits.outputChunk);
    statements = [];
    await reader.read(id, "stdout", (pieces - 1) * limits.outputChunk);
    expect(reads()).toBe(0);
    await reader.read(id, "stdout", 0);
    expect(reads()).toBe(1);
  });

  it("I7: are given nothing that Postgres has lost since another one read it", async () => {
    const { id, print, end } = await running();
    const reader = openReader(db);
    await print(Buffer.from("kept lost"));
    expect((await reader.read(id, "stdout", 0)).toString()).toBe("kept lost");
    // As a crash leaves it: count and bytes are back where they were together.
    await db.execute(sql`update executions set stdout_bytes = 4 where id = ${id}`);
    await db.execute(sql`update execution_output set bytes = 'kept' where execution_id = ${id}`);
    await end();
    const got: Buffer[] = [];
    for await (const { bytes } of followOutput({ reader, notices: { onOutput: () => () => {} } }, id, { stdout: 0 }, { signal: new AbortController().signal, live: true })) got.push(bytes);
    expect(Buffer.concat(got).toString()).toBe("kept");
  });

  it("I7: two hundred get the same bytes to the end, and one that takes nothing keeps nobody waiting", async () => {
    const { id, print, end } = await running();
    const bells = new Set<() => void>();
    const parts = { reader: openReader(db), notices: { onOutput: (_: string, look: () => void) => (bells.add(look), () => void bells.delete(look)) } };
    const follow = () => followOutput(parts, id, { stdout: 0 }, { signal: new AbortController().signal, live: true });
    const stopped = follow();
    const followed = Promise.all(
      Array.from({ length: 200 }, async () => {
        const got: Buffer[] = [];
        for await (const { bytes } of follow()) got.push(bytes);
        return Buffer.concat(got);
      }),
    );
    const first = randomBytes(100_000);
    await print(first);
    for (const ring of bells) ring();
    expect((await stopped.next()).value).toMatchObject({ start: 0, bytes: first });
    const printed = [first];
    for (let i = 0; i < 20; i++) {
      const piece = randomBytes(10_000);
      printed.push(piece);
      await print(piece);
      for (const ring of bells) ring();
    }
    await end();
    for (const ring of bells) ring();
    const all = Buffer.concat(printed);
    for (const got of await followed) expect(got.equals(all)).toBe(true);
    expect(bells.size).toBe(1);
    // Each of 22 rings would cost 400 if everybody asked for himself; here it costs as many as they are apart.
    expect(asks() + reads()).toBeLessThan(22 * 40);
    await stopped.return(undefined);
    expect(bells.size).toBe(0);
  });
});
