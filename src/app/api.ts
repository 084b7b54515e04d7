import type { AddressInfo } from "node:net";
import { Queue } from "bullmq";
import type { Config } from "../config.ts";
import { installationId } from "../db/installation.ts";
import { livingBackends } from "../db/workers.ts";
import { createApi } from "../http/api.ts";
import { listen } from "../http/listen.ts";
import { openReader } from "../output/reader.ts";
import { refused } from "../domain/errors.ts";
import { catalog, verbs } from "../../queues/catalog.ts";
import { evictionWarning, mustTakeWrites, openPatientConnection } from "../../queues/connection.ts";
import { openNotices } from "../../queues/notices.ts";
import { openProbes } from "../../queues/probes.ts";
import { atStart } from "./at-start.ts";
import { openBase } from "./base.ts";
import { checkSchema } from "./check-schema.ts";
import { configCheck, openDrivers, secretFieldsOf } from "./drivers.ts";
import { readiness } from "./readiness.ts";
import { openSecrets } from "./secrets.ts";
import { sayReady, untilTold } from "./until-told.ts";
import { packageVersion } from "./version.ts";

/** The API process: HTTP and Bull Board, until it is told to stop. */
export async function runApi(config: Config): Promise<void> {
  const told = untilTold();
  const base = openBase(config, "api");
  await checkSchema(base);
  const drivers = openDrivers(config, await atStart(() => installationId(base.database.db)));
  const notices = openNotices(base.redis, (err) => base.log.warn({ err }, "Redis cannot be reached; listening again when it can"));
  const probes = openProbes(base.redis, base.log);
  const redis = openPatientConnection(base.redis, () => {});
  redis.once("ready", () => {
    void evictionWarning(redis).then((warning) => warning !== null && base.log.error(warning));
  });
  // Queues of hosts appear as hosts do; the board shows what living workers serve.
  const boardQueues = async (): Promise<Queue[]> => {
    const names = new Set([catalog.run.queue(), catalog.sweep.queue()]);
    for (const backend of drivers.backends) names.add(catalog.acquire.queue(backend, null));
    for (const { backend, host } of await livingBackends(base.database.db)) for (const verb of verbs) names.add(catalog[verb].queue(backend, host));
    return [...names].map((name) => {
      const queue = new Queue(name, { connection: redis, prefix: base.redis.prefix, skipVersionCheck: true });
      queue.on("error", (err) => base.log.warn({ err }, "Bull Board's queue"));
      return queue;
    });
  };
  let stopping = false;
  const secrets = await openSecrets(config, { db: base.database.db, known: base.known, log: base.log });
  const app = createApi({
    db: base.database.db,
    bells: base.bells,
    notices,
    reader: openReader(base.database.db),
    probes,
    log: base.log,
    who: base.who,
    version: packageVersion(),
    requestsPerSecond: config.rateLimit,
    checkConfig: configCheck(drivers),
    secretFields: secretFieldsOf(drivers),
    secrets,
    boardQueues,
    ready: () => readiness({ db: base.database.db, redis: () => mustTakeWrites(redis, base.redis.prefix), stopping }),
  });

  const server = await listen(app, config.host, config.port).catch((error: NodeJS.ErrnoException) => {
    throw cannotListen(config, error);
  });
  const url = `http://${config.host}:${(server.address() as AddressInfo).port}`;
  base.log.info({ url }, "API ready");
  sayReady({ url });

  await told.first;
  stopping = true;
  void told.second.then(() => process.exit(1));
  server.close();
  if ("closeAllConnections" in server) {
    // Followers would hold it open for ever; they come back by offset.
    setTimeout(() => server.closeAllConnections(), 1000).unref();
  }
  notices.close();
  await probes.close();
  redis.disconnect();
  await base.close();
  told.done();
}

function cannotListen(config: Config, error: NodeJS.ErrnoException): Error {
  const where = `${config.host}:${config.port}`;
  if (error.code === "EADDRINUSE") return refused("port_in_use", `${where} is in use by another process; stop that, or set LEASEHOLD_PORT to another port (0 takes a free one)`, { cause: error });
  return refused("port_unavailable", `cannot listen on ${where}: ${error.message}; set LEASEHOLD_HOST and LEASEHOLD_PORT`, { cause: error });
}
