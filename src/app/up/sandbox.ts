import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Logger } from "pino";
import type { Config } from "../../config.ts";
import { getCompany, setDefaultEnvironment } from "../../db/companies.ts";
import type { Db } from "../../db/client.ts";
import { ensureLocalEnvironment, insertEnvironment, listEnvironments } from "../../db/environments.ts";
import { installationId } from "../../db/installation.ts";
import { timing } from "../../domain/defaults.ts";
import { isKind } from "../../domain/errors.ts";
import { type BubblewrapConfig, bubblewrapConfig } from "../../drivers/bubblewrap/config.ts";
import { barrierOnTheWay } from "../../drivers/bubblewrap/reach.ts";
import type { Diagnostic } from "../../drivers/driver.ts";
import { openDrivers } from "../drivers.ts";
import { plainValue } from "../../domain/secret.ts";

export const sandboxBackend = "sandbox-bubblewrap";
export const environmentName = "sandbox";

export interface SandboxOffer {
  /** What the fleet is to be started with. */
  readonly config: Config;
  /** What is in the way, where this machine cannot hold sandboxes; empty where it can. */
  readonly faults: readonly Diagnostic[];
  /** What is wrong with the environment that was there before, where the machine can hold others. */
  readonly unusable: readonly Diagnostic[];
}

/**
 * Looks whether this machine can hold sandboxes. Where it can, the company gets an environment for them beside its local
 * one, and as its default if it has none; once: an environment that is there stays as it is, and is looked at too.
 */
export async function offerSandbox(config: Config, db: Db, companyId: string, log: Logger): Promise<SandboxOffer> {
  const program = await realpath(process.execPath);
  const node = await nodeOutsideSystem(program);
  const full: Config = { ...config, sandboxBinds: [...config.sandboxBinds, ...node] };
  const wanted = withNode(program, node);
  const known = (await listEnvironments(db, companyId, { limit: 1, name: environmentName }))[0];
  const drivers = openDrivers(full, await installationId(db));
  const faultsOf = async (environment: unknown): Promise<readonly Diagnostic[]> => {
    const { diagnostics } = await drivers.get(sandboxBackend).probe({ signal: AbortSignal.timeout(timing.probe), log, reveal: plainValue }, environment);
    return diagnostics.filter((d) => !d.ok);
  };
  try {
    const faults = await faultsOf(wanted);
    if (faults.length > 0) return { config, faults, unusable: [] };
    if (known === undefined) await makeEnvironment(db, companyId, bubblewrapConfig.parse(wanted));
    return { config: full, faults, unusable: known?.backend === sandboxBackend ? await faultsOf(known.config) : [] };
  } finally {
    await drivers.close();
  }
}

const withNode = (program: string, node: readonly string[]): Record<string, unknown> => ({
  provider: "bubblewrap",
  ...(node.length === 0 ? {} : { binds: node.map((source) => ({ source })), path: `${dirname(program)}:${bubblewrapConfig.shape.path.parse(undefined)}` }),
});

/** Environment and default at once: who died in between would have runs go without a sandbox from then on. */
async function makeEnvironment(db: Db, companyId: string, config: BubblewrapConfig): Promise<void> {
  await ensureLocalEnvironment(db, companyId);
  try {
    await db.transaction(async (tx) => {
      const made = await insertEnvironment(tx, companyId, {
        name: environmentName,
        description: "A sandbox of its own for each run, on the worker's machine",
        driver: "sandbox",
        backend: sandboxBackend,
        config,
        envVars: {},
        maxLeases: null,
        metadata: {},
      });
      if ((await getCompany(tx, companyId)).defaultEnvironmentId === null) await setDefaultEnvironment(tx, companyId, made.id);
    });
  } catch (error) {
    // Another machine's `up` on the same database made it just now.
    if (!isKind(error, "invalid") || error.code !== "environment_name_taken") throw error;
  }
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
