import { constants } from "node:fs";
import { access, statfs, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Config } from "../../config.ts";
import { newId } from "../../domain/ids.ts";
import { plainValue } from "../../domain/secret.ts";
import { readOwner } from "../../embedded/ownership.ts";
import { processesIn } from "../../embedded/processes-in.ts";
import { openLog } from "../../log.ts";
import { openDrivers } from "../drivers.ts";
import { type Check, type Finding, patience } from "./finding.ts";

/** What `package.json` asks for. */
const oldestNode = [20, 19] as const;
const MiB = 1024 * 1024;
const little = 1024 * MiB;
const tooLittle = 100 * MiB;

/** This machine, whether it runs a fleet or only talks to one. */
export const machineChecks = (config: Config): Check[] => [
  { subject: "Node.js", remedy: "install Node 20.19 or newer", look: async () => [node(process.versions.node)] },
  { subject: "data directory", remedy: "set LEASEHOLD_DATA_DIR to a directory of your own", look: () => dataDirectory(config.dataDir) },
  { subject: "master keys", remedy: "see docs/secrets.md", look: () => masterKeys(config.masterKeyFile ?? join(config.dataDir, "master-keys")) },
];

/** What workers on this machine could be used for. */
export const driverChecks = (config: Config): Check[] =>
  (
    [
      ["local", {}, "commands on this machine"],
      ["sandbox-bubblewrap", { provider: "bubblewrap" }, "sandboxes"],
    ] as const
  ).map(([backend, wanted, subject]) => ({
    subject,
    remedy: "see docs/drivers.md",
    look: async () => {
      const drivers = openDrivers(config, newId());
      try {
        const { diagnostics } = await drivers.get(backend).probe({ signal: AbortSignal.timeout(patience), log: openLog("silent", "doctor"), reveal: plainValue }, wanted);
        const bad = diagnostics.filter(({ ok }) => !ok);
        if (bad.length === 0) return [{ subject, state: "fine", says: `workers here can serve ${backend}` }];
        return bad.map(({ message, remedy }): Finding => ({ subject, state: "warning", says: message, remedy: remedy ?? `without it, workers here cannot serve ${backend}` }));
      } finally {
        await drivers.close();
      }
    },
  }));

export function node(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const old = major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1]);
  return old ? { subject: "Node.js", state: "fault", says: `${version} is too old`, remedy: "install Node 20.19 or newer" } : { subject: "Node.js", state: "fine", says: version };
}

async function dataDirectory(path: string): Promise<Finding[]> {
  const subject = "data directory";
  const there = await nearest(path);
  const remedy = "set LEASEHOLD_DATA_DIR to a directory of your own, or run as its owner";
  if (!(await access(there, constants.W_OK | constants.X_OK).then(() => true, () => false))) return [{ subject, state: "fault", says: `${there} is not ours to write to`, remedy }];
  const { bavail, bsize, ffree, files } = await statfs(there);
  const free = bavail * bsize;
  const says = `${path}, ${Math.floor(free / MiB).toLocaleString("en")} MiB free`;
  const roomy = `make room, or move it with LEASEHOLD_DATA_DIR`;
  const room: Finding =
    free < tooLittle || (files > 0 && ffree < 1000)
      ? { subject, state: "fault", says: files > 0 && ffree < 1000 ? `${says}, and ${ffree} files more at most` : says, remedy: roomy }
      : free < little
        ? { subject, state: "warning", says, remedy: roomy }
        : { subject, state: "fine", says };
  return [room, ...(await leftServers(path))];
}

/** Servers of an `up` that was killed hold memory and ports until somebody takes them over. */
async function leftServers(dataDir: string): Promise<Finding[]> {
  if ((await readOwner(dataDir).catch(() => undefined)) !== undefined) return [];
  const left = await Promise.all(
    (
      [
        ["postgres", ["postgres"]],
        ["redis", ["redis-server", "valkey-server"]],
      ] as const
    ).map(async ([name, names]) => ((await processesIn(join(dataDir, name, "data"), names).catch(() => [])).length > 0 ? name : null)),
  );
  const running = left.filter((name) => name !== null);
  if (running.length === 0) return [];
  return [{ subject: "left servers", state: "warning", says: `${running.join(" and ")} of a fleet that was killed still run`, remedy: "`leasehold up` goes on with them, `leasehold down` stops them" }];
}

async function masterKeys(path: string): Promise<Finding[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) return found.code === "ENOENT" || found.code === "EACCES" ? [] : [{ subject: "master keys", state: "fault", says: found.message, remedy: "see docs/secrets.md" }];
  if ((found.mode & 0o077) === 0) return [{ subject: "master keys", state: "fine", says: path }];
  return [{ subject: "master keys", state: "fault", says: `others may read ${path}`, remedy: `chmod 0600 ${path}, and make a new key: leasehold secret key rotate` }];
}

/** The path, or what is there above it. */
async function nearest(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) if (at === dirname(at) || (await stat(at).then(() => true, () => false))) return at;
}
