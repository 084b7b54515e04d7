import type { Environment } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { type ConfigOptions, configFrom } from "../environment-config.ts";
import { exitCodes } from "../exit-codes.ts";
import { orMeant } from "../or-meant.ts";
import { answer, answerJson } from "../print.ts";
import { printable, sayAgo } from "../say.ts";
import { secretVariables } from "../secret-variables.ts";
import { facts, table } from "../table.ts";
import { take } from "../take.ts";

export interface CreateOptions extends ConfigOptions {
  readonly maxLeases?: number;
  readonly envVar?: Record<string, string>;
  /** Names of secrets by variable. */
  readonly envSecret?: Record<string, string>;
  readonly description?: string;
  readonly json?: true;
}

export async function createEnvironment(name: string, options: CreateOptions): Promise<number> {
  const config = await configFrom(options);
  const client = await connect();
  const envVars = { ...options.envVar, ...(await secretVariables(client, options.envSecret)) };
  const made = await client.environments.create({
    name,
    driver: options.driver,
    config,
    ...(options.maxLeases === undefined ? {} : { maxLeases: options.maxLeases }),
    ...(Object.keys(envVars).length === 0 ? {} : { envVars }),
    ...(options.description === undefined ? {} : { description: options.description }),
  });
  if (options.json === true) answerJson(made);
  else answer(`Environment ${made.name} (${made.id}) is there. Use it with: leasehold run --env '${made.name}' -- COMMAND`);
  return exitCodes.ok;
}

export async function listEnvironments({ driver, ...options }: { readonly driver?: string; readonly json?: true }): Promise<number> {
  const all = await take((await connect()).environments.list({ ...(driver === undefined ? {} : { driver }), pageSize: 200 }), Number.POSITIVE_INFINITY);
  if (options.json === true) answerJson(all);
  else if (all.length === 0 && driver !== undefined) answer(`There are no environments of driver ${driver}.`);
  else if (all.length === 0) answer("There are no environments; the first run makes one for this machine.");
  else answer(table([{ name: "NAME", gives: 1, least: 12 }, { name: "BACKEND", gives: 2, least: 10 }, "STATUS", { name: "MAX", right: true }, "DEFAULT", "CREATED", { name: "ID", optional: 1 }], all.map(row)));
  return exitCodes.ok;
}

const row = (e: Environment): string[] => [printable(e.name), e.backend, e.status, limitOf(e), e.isDefault ? "yes" : "-", sayAgo(e.createdAt), e.id];

export async function showEnvironment(name: string, options: { readonly json?: true }): Promise<number> {
  const { environments } = await connect();
  const e = await orMeant(name, () => environments.get(name), environments);
  if (options.json === true) answerJson(e);
  else {
    answer(
      facts([
        ["Name", e.name],
        ["Id", e.id],
        ["Description", e.description === null ? null : printable(e.description)],
        ["Driver", e.driver],
        ["Backend", e.backend],
        ["Status", e.status],
        ["Default", e.isDefault ? "yes: runs that name no environment get it" : null],
        ["Max leases", limitOf(e)],
        ["Variables", e.envNames.length === 0 ? null : e.envNames.join(", ")],
        ["Config", printable(JSON.stringify(e.config))],
        ["Created", e.createdAt],
      ]),
    );
  }
  return exitCodes.ok;
}

const limitOf = (e: Environment): string => (e.maxLeases === null ? "unbounded" : String(e.maxLeases));
