import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { childEnvironment, type Config, readConfig } from "../../../src/config.ts";
import { type Database, openDatabase } from "../../../src/db/client.ts";
import { installationId } from "../../../src/db/installation.ts";
import { migrateDatabase } from "../../../src/db/migrate.ts";
import { endWithParent } from "../../../src/embedded/end-with-parent.ts";
import { keptOrFreePort } from "../../../src/embedded/ports.ts";
import { openServices, type Services } from "../../../src/embedded/services.ts";
import type { Random } from "../random.ts";
import { keepMember, type Member } from "./member.ts";

/** Where everything is. */
export interface Places {
  /** All of it. */
  readonly base: string;
  readonly data: string;
  /** What the commands themselves write down, beside the fleet. */
  readonly ledger: string;
  readonly workspaces: string;
  readonly provider: string;
  readonly logs: string;
  /** Directories that hold leases: of `local`, of sandboxes, of the fake provider. */
  readonly roots: { readonly local: string; readonly sandbox: string; readonly fake: string };
}

export interface ChaosFleet {
  readonly places: Places;
  readonly config: Config;
  readonly url: string;
  readonly services: Services;
  readonly database: Database;
  readonly installation: string;
  readonly members: readonly Member[];
  /** Ends processes and services. Removes everything, or leaves it where it is for whoever wants to look. */
  close(options: { keep: boolean }): Promise<void>;
}

export async function makePlaces(): Promise<Places> {
  const base = await mkdtemp(join(tmpdir(), "leasehold-chaos-"));
  const data = join(base, "data");
  const provider = join(data, "provider");
  const places: Places = {
    base,
    data,
    ledger: join(base, "ledger"),
    workspaces: join(base, "workspaces"),
    provider,
    logs: join(data, "logs"),
    roots: { local: join(data, "leases"), sandbox: join(data, "sandboxes"), fake: join(provider, "sandboxes") },
  };
  // Users of sandboxes have to find their way.
  await chmod(base, 0o711);
  for (const path of [data, places.logs, join(places.ledger, "data"), places.workspaces]) await mkdir(path, { recursive: true, mode: path === data ? 0o711 : 0o700 });
  return places;
}

/** Services, API, workers and two reapers, each a process of its own. If this process dies, all of it goes, with its files. */
export async function startFleet(places: Places, options: { workers: number; backends: readonly string[]; random: Random }): Promise<ChaosFleet> {
  const callOff = endWithParent(places.base);
  const services = await openServices({ dataDir: places.data, log: pino({ level: "info" }, pino.destination(join(places.logs, "services.log"))), durability: "fast" });
  try {
    await migrateDatabase(services.databaseUrl);
    const config: Config = {
      ...readConfig({ PATH: process.env["PATH"] }),
      databaseUrl: services.databaseUrl,
      redisUrl: services.redisUrl,
      dataDir: places.data,
      fakeProvider: places.provider,
      workspacePaths: [places.workspaces],
      queuePrefix: "{chaos}",
      port: await keptOrFreePort(join(places.base, "port")),
    };
    const database = openDatabase(services.databaseUrl, { name: "chaos", max: 3 });
    const installation = await installationId(database.db);
    const env = childEnvironment(config, { PATH: process.env["PATH"] });
    const { random } = options;
    const member = (name: string, role: Member["role"], args: readonly string[]): Member =>
      keepMember({ name, role, args, env, cwd: places.data, logDir: places.logs, restartAfter: () => random.between(50, 1500) });
    const members = [
      member("api", "api", ["api"]),
      ...Array.from({ length: options.workers }, (_, i) => member(`worker-${i + 1}`, "worker", ["worker", "--backends", options.backends.join(",")])),
      member("reaper-1", "reaper", ["reaper"]),
      member("reaper-2", "reaper", ["reaper"]),
    ];
    return {
      places,
      config,
      url: `http://127.0.0.1:${config.port}`,
      services,
      database,
      installation,
      members,
      close: async ({ keep }) => {
        await Promise.all(members.map((one) => one.end("SIGKILL")));
        await database.close();
        await services.stop();
        if (!keep) await rm(places.base, { recursive: true, force: true });
        callOff();
      },
    };
  } catch (error) {
    await services.stop();
    callOff();
    throw error;
  }
}
