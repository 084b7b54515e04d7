import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Logger } from "pino";
import type { Config } from "../../config.ts";
import { setDefaultEnvironment } from "../../db/companies.ts";
import type { Db } from "../../db/client.ts";
import { ensureLocalEnvironment, insertEnvironment, listEnvironments } from "../../db/environments.ts";
import { installationId } from "../../db/installation.ts";
import { timing } from "../../domain/defaults.ts";
import { bubblewrapConfig } from "../../drivers/bubblewrap/config.ts";
import { barrierOnTheWay } from "../../drivers/bubblewrap/reach.ts";
import type { Diagnostic } from "../../drivers/driver.ts";
import { openDrivers } from "../drivers.ts";

export const sandboxBackend = "sandbox-bubblewrap";
const environmentName = "sandbox";

export interface SandboxOffer {
  /** What the fleet is to be started with. */
  readonly config: Config;
  /** What is in the way, where this machine cannot hold sandboxes; empty where it can. */
  readonly faults: readonly Diagnostic[];
}

/**
 * Looks whether this machine can hold sandboxes. Where it can, the company gets an environment for them beside its local
 * one, as its default; once: an environment that is there, and a default that somebody chose, stay as they are.
 */
export async function offerSandbox(config: Config, db: Db, companyId: string, log: Logger): Promise<SandboxOffer> {
  const program = await realpath(process.execPath);
  const node = await nodeOutsideSystem(program);
  const full: Config = { ...config, sandboxBinds: [...config.sandboxBinds, ...node] };
  const wanted = {
    provider: "bubblewrap",
    ...(node.length === 0 ? {} : { binds: node.map((source) => ({ source })), path: `${dirname(program)}:${bubblewrapConfig.shape.path.parse(undefined)}` }),
  };
  const drivers = openDrivers(full, await installationId(db));
  try {
    const { diagnostics } = await drivers.get(sandboxBackend).probe({ signal: AbortSignal.timeout(timing.probe), log }, wanted);
    const faults = diagnostics.filter((d) => !d.ok);
    if (faults.length > 0) return { config, faults };
  } finally {
    await drivers.close();
  }
  if ((await listEnvironments(db, companyId, { limit: 1, name: environmentName })).length === 0) {
    await ensureLocalEnvironment(db, companyId);
    const made = await insertEnvironment(db, companyId, {
      name: environmentName,
      description: "A sandbox of its own for each run, on this machine",
      driver: "sandbox",
      backend: sandboxBackend,
      config: bubblewrapConfig.parse(wanted),
      envVars: {},
      maxLeases: null,
      metadata: {},
    });
    await setDefaultEnvironment(db, companyId, made.id);
  }
  return { config: full, faults: [] };
}

/**
 * What a sandbox has to be shown to have the Node that runs us, when it would not see it and can; nothing otherwise. Of an
 * installation its programs and packages, never the directory around them: that may be somebody's home.
 */
export async function nodeOutsideSystem(program: string): Promise<readonly string[]> {
  const directory = dirname(program);
  if (basename(directory) !== "bin" || program.startsWith("/usr/") || program.startsWith("/bin/") || program.includes(":")) return [];
  if (process.getuid?.() === 0 && (await barrierOnTheWay(program)) !== null) return [];
  const packages = join(dirname(directory), "lib/node_modules");
  return (await stat(join(packages, "npm")).catch(() => null))?.isDirectory() === true ? [directory, packages] : [program];
}
