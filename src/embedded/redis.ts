import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { keptPassword } from "./password.ts";
import { keptOrFreePort, keptPort } from "./ports.ts";
import type { ServerFolder } from "./postgres.ts";
import { readIfThere, writePrivate } from "./private-file.ts";
import { allGone, signalProcess } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { processesIn } from "./processes-in.ts";
import { redisAnswers } from "./redis-answer.ts";
import { findRedis } from "./redis-binary.ts";
import { serverEnvironment } from "./server-environment.ts";
import type { Durability, Server } from "./server.ts";
import { attach, startServer } from "./start-server.ts";
import type { Start } from "./start-server.ts";
import { timing } from "./timing.ts";

/**
 * Prepares the Redis of `folder`: finds the binary, decides password and port, writes the configuration. Starts nothing.
 * The caller must own the folder: two preparing it at once is not provided for.
 */
export async function prepareRedis({ folder, durability, log, env }: ServerFolder): Promise<Server> {
  const data = join(folder, "data");
  await mkdir(data, { recursive: true, mode: 0o700 });
  const binary = await findRedis();
  const password = await keptPassword(join(folder, "password"));
  const portFile = join(folder, "port");
  const running = await runningIn(data);
  const port = (running === undefined ? undefined : await keptPort(portFile)) ?? (await keptOrFreePort(portFile));
  const configFile = join(folder, "redis.conf");
  // In a file because a process's arguments can be read by everybody on the machine.
  await writePrivate(configFile, configuration(port, password, durability));
  const how: Start = {
    name: "redis",
    port,
    launch: {
      // Relative, because Redis splits configuration lines at blanks, and a data directory may have some in its name.
      command: [binary, "../redis.conf"],
      directory: data,
      env: { ...serverEnvironment(), ...env },
      logFile: join(folder, "log"),
    },
    answers: () => redisAnswers(port, password),
  };
  return {
    name: "redis",
    url: `redis://:${password}@127.0.0.1:${port}`,
    start: async (signal) => {
      const server = await runningIn(data);
      if (server !== undefined && (await attach(how, server, signal))) return server;
      // A killed server's child may still rewrite the file, and would write into its successor's.
      await killAll(await processesIn(data, names));
      return startServer(how, signal);
    },
    stop: () => stopRedis(folder, log),
  };
}

/** Ends what runs in `folder`: orderly, then killed. Does nothing when nothing runs. */
export async function stopRedis(folder: string, log: Logger): Promise<void> {
  const processes = await processesIn(join(folder, "data"), names);
  for (const one of processes) signalProcess(one, "SIGTERM");
  if (await allGone(processes, timing.stop)) return;
  log.warn({ pids: processes.map((one) => one.pid) }, "Redis does not stop; killing it");
  await killAll(processes);
}

/** Names under which a server runs, also under a distribution's links. */
const names = ["redis-server", "valkey-server", "redis-check-rdb"];

/** The living server of this data directory, without the children that it forks to rewrite its file. */
async function runningIn(data: string): Promise<ProcessIdentity | undefined> {
  const pid = Number(await readIfThere(join(data, pidFile)));
  return (await processesIn(data, names)).find((one) => one.pid === pid);
}

async function killAll(processes: readonly ProcessIdentity[]): Promise<void> {
  for (const one of processes) signalProcess(one, "SIGKILL");
  await allGone(processes, timing.hurry);
}

const pidFile = "redis.pid";

function configuration(port: number, password: string, durability: Durability): string {
  return [
    "bind 127.0.0.1",
    `port ${port}`,
    "protected-mode yes",
    `requirepass ${password}`,
    "dir .",
    `pidfile ${pidFile}`,
    "appendonly yes",
    // Written before a command is answered either way, so `kill -9` loses nothing; only a power cut can.
    `appendfsync ${durability === "full" ? "everysec" : "no"}`,
    'save ""',
    "maxmemory-policy noeviction",
    "daemonize no",
    "supervised no",
    'logfile ""',
    "",
  ].join("\n");
}
