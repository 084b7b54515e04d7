import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { reasonOf, refused } from "../domain/errors.ts";
import { serverUser } from "./server-user.ts";
import { allGone, signalProcess } from "./process-identity.ts";
import { processesIn } from "./processes-in.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import { readIfThere, syncDirectory } from "./private-file.ts";

const run = promisify(execFile);

/** The superuser of every embedded Postgres. */
export const superuser = "leasehold";

/** Milliseconds that a killed initdb gets to be gone. */
const orphanPatience = 5000;

/** The major version that made the data directory; undefined when there is none yet. */
export async function majorOf(data: string): Promise<number | undefined> {
  const content = await readIfThere(join(data, "PG_VERSION"));
  return content === undefined ? undefined : Number.parseInt(content, 10);
}

/**
 * Makes the data directory `data`. It is made beside and then renamed: whoever dies on the way leaves no half of one under
 * that name. Remains of earlier deaths are removed. Throws what `rename` throws when `data` exists already.
 */
export async function makeDataDirectory(binaries: PostgresBinaries, data: string, passwordFile: string): Promise<void> {
  const parent = dirname(data);
  const prefix = `${basename(data)}.new-`;
  const remains = (await readdir(parent)).filter((entry) => entry.startsWith(prefix));
  if (remains.length > 0) await endOrphans(parent, remains);
  for (const entry of remains) {
    await rm(join(parent, entry), { recursive: true, force: true });
  }
  const fresh = join(parent, prefix + randomBytes(6).toString("hex"));
  // Independent of the machine's locales: sorted by code point, and lower() knows all of Unicode from 17 on.
  const locale = binaries.major >= 17 ? ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] : ["--locale=C"];
  const [file = binaries.initdb, ...args] = [
    ...(await serverUser()),
    binaries.initdb,
    `--pgdata=${fresh}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    ...locale,
  ];
  try {
    await run(file, args, { env: binaries.env, cwd: parent });
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw refused("postgres_unavailable", `initdb could not make ${data}: ${reasonOf(error)}`, { cause: error });
  }
  await rename(fresh, data);
  await syncDirectory(parent);
}

/**
 * Ends an initdb whose owner was killed, and what it started: it would go on writing into the remains while they are removed.
 * The directory has one owner at a time, so what works in it now is nobody else's.
 */
async function endOrphans(parent: string, remains: readonly string[]): Promise<void> {
  const inRemains = await Promise.all(remains.map((entry) => processesIn(join(parent, entry), ["postgres"])));
  const orphans = [...(await processesIn(parent, ["initdb"])), ...inRemains.flat()];
  for (const orphan of orphans) signalProcess(orphan, "SIGKILL");
  await allGone(orphans, orphanPatience);
}
