import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { refused } from "../domain/errors.ts";
import { majorOf, makeDataDirectory, superuser } from "./initdb.ts";
import { serverUser } from "./server-user.ts";
import { keptPassword } from "./password.ts";
import { keptOrFreePort, keptPort } from "./ports.ts";
import { findPostgres } from "./postgres-binaries.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import { postgresAnswers } from "./postgres-answer.ts";
import { readIfThere } from "./private-file.ts";
import { allGone, isTaken, signalProcess } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { processesIn } from "./processes-in.ts";
import type { Durability, Server } from "./server.ts";
import { attach, startServer } from "./start-server.ts";
import type { Start } from "./start-server.ts";
import { timing } from "./timing.ts";

export interface ServerFolder {
  /** The server's own folder, mode 0700: data, password, port and log. */
  folder: string;
  durability: Durability;
  log: Logger;
  /** Variables of the server's environment beyond what it needs. */
  env?: NodeJS.ProcessEnv;
}

/**
 * Prepares the Postgres of `folder`: finds binaries, makes the data directory the first time, decides the port. Starts nothing.
 * The caller must own the folder: two preparing it at once is not provided for.
 */
export async function preparePostgres({ folder, durability, log, env }: ServerFolder): Promise<Server> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const data = join(folder, "data");
  const logFile = join(folder, "log");
  const passwordFile = join(folder, "password");
  const major = await majorOf(data);
  if (major !== undefined) await mustBeOurs(data);
  const binaries = await findPostgres(folder, major);
  const password = await keptPassword(passwordFile);
  if (major === undefined) {
    log.info({ version: binaries.version, data }, "making a new Postgres data directory");
    await makeDataDirectory(binaries, data, passwordFile);
  }
  const running = await postmasterOf(data);
  const portFile = join(folder, "port");
  const port = (running === undefined ? undefined : await keptPort(portFile)) ?? (await keptOrFreePort(portFile));
  const url = `postgres://${superuser}:${password}@127.0.0.1:${port}/postgres`;
  const command = await commandLine(binaries, data, port, durability);
  const how: Start = {
    name: "postgres",
    port,
    launch: { command, directory: data, env: { ...binaries.env, ...env }, logFile },
    answers: () => postgresAnswers(url),
  };
  return {
    name: "postgres",
    url,
    start: async (signal) => {
      const postmaster = await postmasterOf(data);
      if (postmaster !== undefined && (await attach(how, postmaster, signal))) return postmaster;
      await clearRemains(data, log);
      return startServer(how, signal);
    },
    stop: () => stopPostgres(folder, log),
  };
}

/** Postgres refuses data of another user, with words that do not say what to do. */
async function mustBeOurs(data: string): Promise<void> {
  const { uid } = await stat(data);
  const ours = process.getuid?.();
  if (uid === ours) return;
  throw refused(
    "postgres_unavailable",
    `${data} belongs to user ${uid}, and this process runs as user ${ours}. Run as that user, or name another data directory.`,
  );
}

async function commandLine(binaries: PostgresBinaries, data: string, port: number, durability: Durability): Promise<[string, ...string[]]> {
  const settings: Record<string, string | number> = {
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: "",
    max_connections: 200,
    shared_buffers: "128MB",
    timezone: "UTC",
    log_timezone: "UTC",
    log_line_prefix: "%m [%p] ",
    // Short queries gain nothing from it, and the first of each connection would pay.
    jit: "off",
  };
  if (durability === "fast") {
    // A commit is still handed to the kernel before it is answered: it survives kill -9, only not a power cut.
    settings["fsync"] = "off";
    settings["full_page_writes"] = "off";
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const [first, ...rest] = [...(await serverUser()), binaries.postgres, "-D", data, ...flags];
  return [first ?? binaries.postgres, ...rest];
}

/** `unshare` is the name for the moment before it becomes `postgres`. */
const names = ["postgres", "unshare"];

/** The pid that Postgres wrote into its lock file, whoever has it now. */
async function pidInLockFile(data: string): Promise<number | undefined> {
  const content = await readIfThere(join(data, "postmaster.pid"));
  return content === undefined ? undefined : Number.parseInt(content, 10);
}

/** The living postmaster of this data directory. */
async function postmasterOf(data: string): Promise<ProcessIdentity | undefined> {
  const pid = await pidInLockFile(data);
  return (await processesIn(data, names)).find((one) => one.pid === pid);
}

/**
 * Takes away what a killed postmaster left and what keeps the next one from starting: backends that have not noticed yet, and
 * a lock file whose pid has gone to a stranger. Only called when the postmaster is gone.
 */
async function clearRemains(data: string, log: Logger): Promise<void> {
  const orphans = await processesIn(data, names);
  if (orphans.length > 0) {
    log.warn({ pids: orphans.map((one) => one.pid) }, "ending what a dead Postgres left running");
    await endAll(orphans);
  }
  // The lock file also leads Postgres to shared memory still in use, so it stays unless it is shown to mislead: nobody works
  // in this directory, and yet the pid is taken, by another program or by a zombie that its parent never collects.
  const pid = await pidInLockFile(data);
  if (pid !== undefined && isTaken(pid) && (await processesIn(data, names)).length === 0) {
    log.warn({ pid }, "removing a stale postmaster.pid: its pid is not that of a Postgres of this directory");
    await rm(join(data, "postmaster.pid"), { force: true });
  }
}

/** Ends servers' processes without a postmaster's care: SIGQUIT leaves at once, the log brings everything back. */
async function endAll(processes: readonly ProcessIdentity[]): Promise<void> {
  for (const one of processes) signalProcess(one, "SIGQUIT");
  if (await allGone(processes, timing.hurry)) return;
  for (const one of processes) signalProcess(one, "SIGKILL");
  await allGone(processes, timing.hurry);
}

/** Ends what runs in `folder`: fast shutdown (open transactions are rolled back, clients cut off), then immediate, then SIGKILL. */
export async function stopPostgres(folder: string, log: Logger): Promise<void> {
  const data = join(folder, "data");
  const postmaster = await postmasterOf(data);
  if (postmaster !== undefined) {
    signalProcess(postmaster, "SIGINT");
    if (!(await allGone([postmaster], timing.stop))) log.warn({ pid: postmaster.pid }, "Postgres does not stop; hurrying it");
  }
  const rest = await processesIn(data, names);
  if (rest.length > 0) await endAll(rest);
}
