import { type EnvironmentChange, type EnvironmentWithUse, LeaseholdRequestError } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { objectFrom } from "../environment-config.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { orMeant } from "../or-meant.ts";
import { answer, answerJson, note } from "../print.ts";
import { printable } from "../say.ts";
import { secretVariables } from "../secret-variables.ts";

export interface UpdateOptions {
  readonly name?: string;
  readonly description?: string;
  /** Not null: an option has no such value. */
  readonly maxLeases?: number | "none";
  readonly config?: string;
  readonly configFile?: string;
  readonly envVar?: Record<string, string>;
  /** Names of secrets by variable. */
  readonly envSecret?: Record<string, string>;
  readonly unsetEnvVar?: readonly string[];
  readonly metadata?: string;
  readonly json?: true;
}

export async function updateEnvironment(name: string, options: UpdateOptions): Promise<number> {
  const client = await connect();
  const variables = { ...options.envVar, ...(await secretVariables(client, options.envSecret)), ...Object.fromEntries((options.unsetEnvVar ?? []).map((variable) => [variable, null])) };
  const change: EnvironmentChange = {
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.description === undefined ? {} : { description: options.description === "" ? null : options.description }),
    ...(options.maxLeases === undefined ? {} : { maxLeases: options.maxLeases === "none" ? null : options.maxLeases }),
    ...(options.config === undefined && options.configFile === undefined ? {} : { config: await objectFrom(options) }),
    ...(Object.keys(variables).length === 0 ? {} : { envVars: variables }),
    ...(options.metadata === undefined ? {} : { metadata: await objectFrom({ config: options.metadata }, "--metadata") }),
  };
  const changed = await orMeant(name, () => client.environments.update(name, change), client.environments);
  if (options.json === true) answerJson(changed);
  else answer(`Environment ${changed.name} (${changed.id}) is changed.${change.config === undefined ? "" : " Leases that are there keep the config they were made with."}`);
  return exitCodes.ok;
}

export async function archiveEnvironment(name: string, options: { readonly json?: true }): Promise<number> {
  const { environments } = await connect();
  const archived = await orMeant(name, () => environments.archive(name), environments);
  if (options.json === true) answerJson(archived);
  else {
    answer(`Environment ${archived.name} is archived: no run gets it any more.${stillOpen(archived)}`);
    if (archived.isDefault) note(`It is still the default: runs that name no environment will not start. Choose another one: leasehold env default NAME`);
  }
  return exitCodes.ok;
}

const stillOpen = ({ openLeases }: EnvironmentWithUse): string =>
  openLeases === 0 ? " Nothing is open there." : ` ${openLeases} ${openLeases === 1 ? "lease is" : "leases are"} open there and ${openLeases === 1 ? "ends" : "end"} by ${openLeases === 1 ? "itself" : "themselves"}.`;

export async function unarchiveEnvironment(name: string, options: { readonly json?: true }): Promise<number> {
  const { environments } = await connect();
  const active = await orMeant(name, () => environments.unarchive(name), environments);
  if (options.json === true) answerJson(active);
  else answer(`Environment ${active.name} is active again.`);
  return exitCodes.ok;
}

export async function deleteEnvironment(name: string, options: { readonly json?: true }): Promise<number> {
  const { environments } = await connect();
  const gone = await orMeant(name, () => environments.delete(name), environments).catch(inUse);
  if (options.json === true) answerJson(gone);
  else answer(`Environment ${printable(gone.name)} is deleted.${gone.driver === "local" ? " The next run that names no environment makes one for this machine again, unless there is a default." : ""}`);
  return exitCodes.ok;
}

/** What uses it is what one wants to know. */
function inUse(error: unknown): never {
  if (!(error instanceof LeaseholdRequestError) || error.code !== "environment_in_use") throw error;
  throw new CliError(exitCodes.refused, [`${error.detail}:`, ...error.errors.map(({ field, message }) => `  ${field} ${printable(message)}`)].join("\n"));
}
