import type { Environment, Leasehold } from "../client/index.ts";
import { CliError } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { orMeant } from "./or-meant.ts";
import { sayCommand } from "./say.ts";
import { take } from "./take.ts";

/**
 * The environment that a run is to name: by name or id, or by its kind. Undefined when the server is to choose. Throws when
 * there is none, or more than one to choose from.
 */
export async function environmentFor(client: Leasehold, { env, driver }: { readonly env?: string; readonly driver?: string }): Promise<Environment | undefined> {
  if (env !== undefined) return orMeant(env, () => client.environments.get(env), client.environments);
  return driver === undefined ? undefined : ofKind(client, driver);
}

/** The company's default if it is of that kind, else the only one there is. */
async function ofKind(client: Leasehold, driver: string): Promise<Environment | undefined> {
  const all = await take(client.environments.list({ driver, status: "active", pageSize: 200 }), Number.POSITIVE_INFINITY);
  const chosen = all.find((e) => e.isDefault) ?? (all.length === 1 ? all[0] : undefined);
  if (chosen !== undefined) return chosen;
  if (all.length > 1) {
    throw new CliError(exitCodes.usage, [`there are ${all.length} environments of driver ${driver}; choose one with --env:`, ...all.map((e) => `  ${sayCommand(["--env", e.name])}`)].join("\n"));
  }
  // A run that names nothing gets the company's local environment, unless the company has a default of another kind.
  if (driver === "local" && ((await client.environments.getDefault())?.driver ?? "local") === "local") return undefined;
  throw new CliError(exitCodes.notFound, `there is no active environment of driver ${driver}; make one with:\n  ${creating(driver)}`);
}

function creating(driver: string): string {
  const provider = driver === "sandbox" ? " --provider bubblewrap" : "";
  const config = driver === "ssh" || driver === "plugin" ? " --config-file FILE" : "";
  return `leasehold env create ${driver} --driver ${driver}${provider}${config}`;
}
