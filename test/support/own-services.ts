import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { preparePostgres, type ServerFolder } from "../../src/embedded/postgres.ts";
import { prepareRedis } from "../../src/embedded/redis.ts";
import type { Server } from "../../src/embedded/server.ts";
import { copyTemplate } from "../../src/embedded/test-services.ts";
import type { Services } from "../../src/embedded/services.ts";

/** A server that stays as the test leaves it: nobody starts it again. */
export interface OwnServer {
  readonly url: string;
  readonly pid: number;
  /** On the same port and the same data as before. */
  start(): Promise<void>;
  /** Orderly, however many are connected. */
  stop(): Promise<void>;
  /** SIGSTOP and SIGCONT for the server and, of Postgres, all its backends: it hangs as a whole. */
  signal(signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void;
}

export interface OwnServices extends Services {
  readonly postgres: OwnServer;
  readonly redis: OwnServer;
}

const never = new AbortController().signal;

export const ownPostgres = (folder: string, extra: Partial<ServerFolder> = {}): Promise<OwnServer> => own(preparePostgres, folder, extra);
export const ownRedis = (folder: string): Promise<OwnServer> => own(prepareRedis, folder, {});

async function own(prepare: (where: ServerFolder) => Promise<Server>, folder: string, extra: Partial<ServerFolder>): Promise<OwnServer> {
  const server = await prepare({ folder, durability: "fast", log: pino({ level: "silent" }), ...extra });
  let { pid } = await server.start(never);
  return {
    url: server.url,
    get pid() {
      return pid;
    },
    start: async () => {
      ({ pid } = await server.start(never));
    },
    stop: () => server.stop(),
    signal: (signal) => {
      for (const one of [pid, ...childrenOf(pid)]) {
        try {
          process.kill(one, signal);
        } catch (error) {
          // A backend may leave by itself in between.
          if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
        }
      }
    },
  };
}

/** Services for `startTestFleet` that the test stops and starts. */
export const ownServices =
  (postgresEnv: NodeJS.ProcessEnv = {}) =>
  async (dataDir: string): Promise<OwnServices> => {
    await copyTemplate(join(dataDir, "postgres"));
    const [postgres, redis] = await Promise.all([ownPostgres(join(dataDir, "postgres"), { env: postgresEnv }), ownRedis(join(dataDir, "redis"))]);
    return {
      databaseUrl: postgres.url,
      redisUrl: redis.url,
      postgres,
      redis,
      stop: async () => {
        for (const server of [postgres, redis]) server.signal("SIGCONT");
        await Promise.all([postgres.stop(), redis.stop()]);
      },
    };
  };

/** By looking at everybody's parent: not every kernel has lists of children. */
function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => {
      try {
        const stat = readFileSync(`/proc/${one}/stat`, "utf8");
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === pid;
      } catch {
        return false;
      }
    });
}
