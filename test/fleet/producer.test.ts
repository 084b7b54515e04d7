import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue } from "bullmq";
import { Cluster, Redis } from "ioredis";
import { afterEach, describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { runSubmission } from "../../queues/catalog.ts";
import { LeaseholdError, runProducer, type Submission } from "../../queues/producer.ts";
import { isFree } from "../../src/embedded/ports.ts";
import { findRedis } from "../../src/embedded/redis-binary.ts";
import { freshPrefix } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { ownRedis, type OwnServer } from "../support/own-services.ts";

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0).toReversed()) await one();
});

const submission = (): Submission => ({ company: randomUUID(), idempotencyKey: randomUUID(), request: { command: ["true"] } });

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "leasehold-redis-"));
  undo.push(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function redisOfItsOwn(): Promise<OwnServer> {
  const server = await ownRedis(await folder());
  undo.push(async () => {
    server.signal("SIGCONT");
    await server.stop();
  });
  return server;
}

/** What the queue holds, as any BullMQ client sees it. */
async function queued(connection: Redis | Cluster, prefix: string): Promise<{ id: string | undefined; data: unknown }[]> {
  const queue = new Queue("runs", { connection, prefix, skipVersionCheck: true });
  const jobs = await queue.getJobs(["waiting", "prioritized", "delayed"]);
  await queue.close();
  return jobs.map(({ id, data }) => ({ id, data: data as unknown }));
}

describe("a submission", () => {
  it("is in Redis when its job is given, as its schema has it", async () => {
    const prefix = freshPrefix();
    const redis = new Redis(inject("redisUrl"));
    await using producer = runProducer({ redisUrl: inject("redisUrl"), prefix });
    const one = submission();
    const { jobId } = await producer.submit(one);
    const [job] = await queued(redis, prefix);
    expect(job).toMatchObject({ id: jobId, data: { v: 1, ...one } });
    expect(runSubmission.safeParse(job?.data).success).toBe(true);
    redis.disconnect();
  });

  it.each<[string, unknown, string]>([
    ["without a key", { company: randomUUID(), request: { command: ["true"] } }, "submission.idempotencyKey"],
    ["with an empty key", { ...submission(), idempotencyKey: "" }, "submission.idempotencyKey"],
    ["with a key nobody can print", { ...submission(), idempotencyKey: "a b" }, "submission.idempotencyKey"],
    ["of no company", { ...submission(), company: "acme" }, "submission.company"],
    ["with a field nobody knows", { ...submission(), request: { command: ["true"], comand: 1 } }, "submission.request.comand"],
    ["without a program", { ...submission(), request: { command: [] } }, "submission.request.command"],
    ["of another version", { ...submission(), v: 2 }, "submission.v"],
    ["that is nothing", undefined, "submission.company"],
  ])("%s does not reach Redis, and says which field", async (_, bad, field) => {
    const prefix = freshPrefix();
    const redis = new Redis(inject("redisUrl"));
    await using producer = runProducer({ redisUrl: inject("redisUrl"), prefix });
    const error: unknown = await producer.submit(bad as Submission).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(LeaseholdError);
    expect(error).toMatchObject({ kind: "invalid", code: "submission_invalid" });
    expect((error as LeaseholdError).faults.map((fault) => fault.field)).toContain(field);
    expect(await redis.keys(`${prefix}*`)).toEqual([]);
    redis.disconnect();
  });

  it("is told what Redis says: no answer, no memory, no entry", async () => {
    const server = await redisOfItsOwn();
    await using producer = runProducer({ redisUrl: server.url, timeoutMs: 500 });
    await producer.submit(submission());
    const admin = new Redis(server.url);
    await admin.config("SET", "maxmemory", "1");
    await expect(producer.submit(submission())).rejects.toMatchObject({ kind: "busy", code: "queue_unavailable" });
    await admin.config("SET", "maxmemory", "0");
    admin.disconnect();
    await using stranger = runProducer({ redisUrl: server.url.replace(/:[^:@]+@/, ":wrong@"), timeoutMs: 2000 });
    await expect(stranger.submit(submission())).rejects.toMatchObject({ kind: "refused", code: "queue_unauthorized" });
    server.signal("SIGSTOP");
    await expect(producer.submit(submission())).rejects.toMatchObject({ kind: "transient", code: "queue_no_answer" });
    server.signal("SIGCONT");
    await server.stop();
    await expect(producer.submit(submission())).rejects.toMatchObject({ kind: "transient", code: "queue_no_answer", message: expect.stringContaining("ECONNREFUSED") as string });
  });

  it("waits for a Redis that comes back, and is there once", async () => {
    const server = await redisOfItsOwn();
    await using producer = runProducer({ redisUrl: server.url, timeoutMs: 30_000 });
    await producer.submit(submission());
    await server.stop();
    const waiting = producer.submit(submission());
    await server.start();
    const { jobId } = await waiting;
    const redis = new Redis(server.url);
    expect((await queued(redis, "{leasehold}")).filter(({ id }) => id === jobId)).toHaveLength(1);
    redis.disconnect();
  });

  it("that is called off throws the signal's reason", async () => {
    const server = await redisOfItsOwn();
    await using producer = runProducer({ redisUrl: server.url });
    await producer.submit(submission());
    await server.stop();
    const stop = new AbortController();
    const waiting = producer.submit(submission(), { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(producer.submit(submission(), { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow("before");
  });
});

describe("a producer", () => {
  it("is not made for a prefix that no fleet has, nor for what is no Redis", () => {
    expect(() => runProducer({ redisUrl: inject("redisUrl"), prefix: "leasehold" })).toThrowError(expect.objectContaining({ kind: "invalid", code: "prefix_invalid" }) as Error);
    for (const redisUrl of [undefined, "", "localhost:6379", "http://localhost"]) {
      expect(() => runProducer({ redisUrl: redisUrl as string })).toThrowError(expect.objectContaining({ kind: "invalid", code: "redis_url_invalid" }) as Error);
    }
  });

  it("puts everything of one installation on one node of a Redis Cluster, through a connection that stays its owner's", async () => {
    const ports = await cluster(2);
    const connection = new Cluster(ports.map((port) => ({ host: "127.0.0.1", port })));
    undo.push(async () => connection.disconnect());
    // Of several installations, some live on either node.
    const prefixes = Array.from({ length: 8 }, () => freshPrefix());
    const jobs = await Promise.all(
      prefixes.map(async (prefix) => {
        await using producer = runProducer({ connection, prefix });
        return (await producer.submit(submission())).jobId;
      }),
    );
    for (const [i, prefix] of prefixes.entries()) expect((await queued(connection, prefix)).map(({ id }) => id)).toEqual([jobs[i]]);
    const homes = await Promise.all(connection.nodes("master").map(async (node) => prefixesOf(await node.keys("*"))));
    expect(homes.every((home) => home.length > 0)).toBe(true);
    expect(homes.flat().toSorted()).toEqual(prefixes.toSorted());
  });
});

const prefixesOf = (keys: readonly string[]): string[] => [...new Set(keys.map((key) => key.slice(0, key.indexOf("}") + 1)))];

/** Nodes of a Redis Cluster that share the slots; their ports. */
async function cluster(size: number): Promise<number[]> {
  const binary = await findRedis();
  const nodes: { readonly port: number; readonly redis: Redis }[] = [];
  for (let i = 0; i < size; i++) {
    const port = await freePort();
    const child = spawn(binary, ["--port", String(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--save", "", "--dir", await folder()], { stdio: "ignore" });
    undo.push(() => new Promise((resolve) => child.once("exit", resolve).kill("SIGKILL")));
    const redis = new Redis({ port });
    redis.on("error", () => {});
    undo.push(async () => redis.disconnect());
    nodes.push({ port, redis });
  }
  const slots = 16_384 / size;
  for (const [i, { redis }] of nodes.entries()) {
    await redis.call("CLUSTER", "ADDSLOTSRANGE", String(i * slots), String((i + 1) * slots - 1));
    for (const { port } of nodes) await redis.call("CLUSTER", "MEET", "127.0.0.1", String(port));
  }
  await eventually(
    async () => {
      for (const { redis } of nodes) expect(await redis.cluster("INFO")).toMatch(new RegExp(`cluster_state:ok[^]*cluster_known_nodes:${size}`));
    },
    { timeoutMs: 30_000 },
  );
  return nodes.map(({ port }) => port);
}

/** The bus of a cluster's node has a port of its own, 10,000 above. */
async function freePort(): Promise<number> {
  for (let port = 12_000 + Math.floor(Math.random() * 8000); ; port++) if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
}

describe("docs/run-submission.schema.json", () => {
  it("is what the schema of submissions says; -u writes it", async () => {
    await expect(`${JSON.stringify(published(), null, 2)}\n`).toMatchFileSnapshot("../../docs/run-submission.schema.json");
  });
});

/** For producers that are not written in JavaScript. What JSON Schema cannot say, the worker that takes the job checks all the same. */
const published = () => ({
  $id: "https://leasehold.invalid/run-submission.schema.json",
  title: "Leasehold run submission",
  description: "Data of a job `run` on the BullMQ queue `runs`. Sizes in bytes and NUL characters are checked by the worker that takes it.",
  ...z.toJSONSchema(runSubmission, { io: "input" }),
});
