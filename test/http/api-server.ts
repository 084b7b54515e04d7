import type { ServerType } from "@hono/node-server";
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { openBells } from "../../queues/bells.ts";
import { openPatientConnection } from "../../queues/connection.ts";
import { openNotices } from "../../queues/notices.ts";
import { openProbes } from "../../queues/probes.ts";
import { Leasehold } from "../../src/client/index.ts";
import { createToken, ensureCompany } from "../../src/db/companies.ts";
import { type Db, openDatabase } from "../../src/db/client.ts";
import type { Bells } from "../../src/domain/bells.ts";
import { invalid } from "../../src/domain/errors.ts";
import { parse } from "../../src/domain/parse.ts";
import { localConfig } from "../../src/drivers/local/config.ts";
import { createApi } from "../../src/http/api.ts";
import { openReader } from "../../src/output/reader.ts";
import { formatKeys, newMasterKey } from "../../src/secrets/key-file.ts";
import { openStores } from "../../src/secrets/stores/open.ts";
import { listen } from "../../src/http/listen.ts";
import { freshDatabase, freshPrefix } from "../support/database.ts";
import { secretParts } from "../support/secrets.ts";
import { quietLog } from "../support/quiet-log.ts";

export interface Company {
  readonly id: string;
  readonly operator: string;
  readonly producer: string;
}

/** The API on a free port with a database and a queue prefix of its own, and two companies. */
export interface ApiServer extends AsyncDisposable {
  readonly url: string;
  /** For workers on the same database and prefix. */
  readonly databaseUrl: string;
  readonly port: number;
  readonly db: Db;
  readonly bells: Bells;
  readonly redis: Redis;
  /** Of all queues. */
  readonly prefix: string;
  readonly acme: Company;
  readonly other: Company;
  /** What `readyz` finds; the test's to change. */
  readonly checks: Record<string, string>;
  client(token?: string): Leasehold;
  /** A request with acme's producer token unless `token` says otherwise; null sends none. */
  request(path: string, init?: RequestInit & { token?: string | null }): Promise<Response>;
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** Stops listening and breaks every connection. */
  halt(): Promise<void>;
  /** Listens on the same port again. */
  resume(): Promise<void>;
}

export async function startApi(options: { readonly requestsPerSecond?: number } = {}): Promise<ApiServer> {
  const database = await freshDatabase();
  const address = { url: inject("redisUrl"), prefix: freshPrefix() };
  const opened = openDatabase(database.url, { name: "test", max: 5 });
  const { db } = opened;
  const keyDirectory = await mkdtemp(join(tmpdir(), "leasehold-test-"));
  const keyFile = join(keyDirectory, "master-keys");
  await writeFile(keyFile, formatKeys([newMasterKey()]), { mode: 0o600 });
  const bells = openBells(address, quietLog);
  const notices = openNotices(address, () => {});
  const probes = openProbes(address, quietLog);
  const redis = openPatientConnection(address, () => {});
  const checks: Record<string, string> = { database: "ok", redis: "ok" };
  const api = createApi({
    db,
    bells,
    notices,
    reader: openReader(db),
    probes,
    log: quietLog,
    who: "api test",
    version: "0.0.0-test",
    requestsPerSecond: options.requestsPerSecond ?? 0,
    checkConfig: (backend, config) => {
      if (backend !== "local") throw invalid("unsupported_environment", `there is no driver for ${backend}; this version has local`);
      return parse(localConfig, config, "config");
    },
    secretFields: () => [],
    secrets: { ...secretParts(db, keyFile), stores: openStores({ files: { type: "file", directory: "/nowhere", grants: { acme: ["acme/*"], other: ["other/*"] } } }, () => undefined) },
    boardQueues: async () => [new Queue("runs", { connection: redis, prefix: address.prefix, skipVersionCheck: true })],
    ready: async () => ({ ok: Object.values(checks).every((said) => said === "ok"), checks }),
  });
  const sockets = new Set<Socket>();
  const open = async (at: number): Promise<ServerType> => {
    const server = await listen(api, "127.0.0.1", at);
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    return server;
  };
  let server = await open(0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const halt = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const company = async (name: string): Promise<Company> => {
    const { id } = await ensureCompany(db, name);
    return { id, operator: await createToken(db, id, "operator", "operator"), producer: await createToken(db, id, "producer", "producer") };
  };
  const acme = await company("acme");
  return {
    url,
    databaseUrl: database.url,
    port,
    db,
    bells,
    redis,
    prefix: address.prefix,
    acme,
    other: await company("other"),
    checks,
    client: (token = acme.producer) => new Leasehold({ url, token }),
    request: (path, { token = acme.producer, ...init } = {}) =>
      fetch(url + path, { redirect: "manual", ...init, headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...(init.headers as Record<string, string>) } }),
    sockets,
    halt,
    resume: async () => {
      server = await open(port);
    },
    [Symbol.asyncDispose]: async () => {
      await halt();
      notices.close();
      await probes.close();
      await bells.close();
      redis.disconnect();
      await opened.close();
      await database.drop();
      await rm(keyDirectory, { recursive: true });
    },
  };
}
